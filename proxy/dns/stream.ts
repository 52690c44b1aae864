/**
 * DNS messages over a stream of bytes, each behind its length (RFC 1035, 4.2.2; RFC
 * 7766).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { DNS_HEADER_BYTES } from "./numbers.ts";
import type { ByteStream } from "../edge/stream.ts";
import { turns } from "../edge/turns.ts";

/** Size of the first buffer; most queries fit, and a longer message makes it larger. */
const READ_BYTES = 1024;
/** The id, which a header begins with. */
const ID_BYTES = 2;

/** Reads and writes whole messages; does not close the stream. */
export class MessageStream {
  readonly #stream: ByteStream;
  #buffer = new Uint8Array(READ_BYTES);
  #filled = 0;
  /** Messages, each behind its length, that wait for the write under way. */
  #pieces: Uint8Array[] = [];
  #written: Promise<void> = Promise.resolve();
  /** That of `#pieces`, as long as there are any. */
  #next: Promise<void> | undefined;

  /** `stream` is read and written by nobody else. */
  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /**
   * The next message; null at the end, which may cut a message short. A single call at a
   * time.
   *
   * A message with an id and no whole header comes as a header of that id which asks
   * nothing: so a server answers FORMERR as to any other, and a client takes such a
   * header for no answer.
   */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    for (;;) {
      const wanted = this.#filled < 2
        ? 2
        : 2 + (this.#buffer[0]! << 8 | this.#buffer[1]!);
      if (this.#filled >= 2 && this.#filled >= wanted) {
        const turn = turns.next(); // a stranger may send more than can be worked off
        if (turn) await turn;
        const message = wholeHeader(this.#buffer.slice(2, wanted));
        this.#buffer.copyWithin(0, wanted, this.#filled);
        this.#filled -= wanted;
        if (this.#filled <= READ_BYTES && this.#buffer.length > READ_BYTES) {
          const small = new Uint8Array(READ_BYTES);
          small.set(this.#buffer.subarray(0, this.#filled));
          this.#buffer = small;
        }
        return message;
      }
      if (wanted > this.#buffer.length) {
        const large = new Uint8Array(wanted);
        large.set(this.#buffer.subarray(0, this.#filled));
        this.#buffer = large;
      }
      const read = await this.#stream.read(this.#buffer.subarray(this.#filled));
      if (read === null) return null;
      this.#filled += read;
    }
  }

  /**
   * Writes a message, in one piece with its length, after those written before, and
   * together with those that wait.
   */
  write(message: Uint8Array): Promise<void> {
    const piece = new Uint8Array(2 + message.length);
    new DataView(piece.buffer).setUint16(0, message.length);
    piece.set(message, 2);
    this.#pieces.push(piece);
    if (this.#next) return this.#next;
    const written = this.#next = this.#written.then(() => this.#flush());
    this.#written = written.catch(() => {});
    return written;
  }

  #flush(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#next = undefined;
    return this.#stream.write(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }
}

function wholeHeader(message: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (message.length < ID_BYTES || message.length >= DNS_HEADER_BYTES) return message;
  const header = new Uint8Array(DNS_HEADER_BYTES);
  header.set(message.subarray(0, ID_BYTES));
  return header;
}
