/**
 * Reads the few bytes of a handshake exactly, and keeps the bytes behind them.
 *
 * @module
 */
import type { ByteStream } from "../edge/stream.ts";
import { turns } from "../edge/turns.ts";

/** A client does not keep to the protocol; the message says how. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
}

const CHUNK_BYTES = 4096;

/** Takes bytes off a stream by number, or up to a value. */
export class HandshakeReader {
  readonly #stream: ByteStream;
  #held: Uint8Array = new Uint8Array();

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#held.length < count) await this.#more();
    return this.#cut(count);
  }

  /**
   * The bytes before the next `value`, which is taken too; `most` of them at the most.
   */
  async until(value: number, most: number): Promise<Uint8Array> {
    for (let at = 0;; at++) {
      if (at > most) throw new HandshakeError(`a field of more than ${most} bytes`);
      if (at === this.#held.length) await this.#more();
      if (this.#held[at] === value) return this.#cut(at + 1).subarray(0, -1);
    }
  }

  /** Bytes that were read and not taken. */
  get rest(): Uint8Array {
    return this.#held;
  }

  #cut(count: number): Uint8Array {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const got = await this.#stream.read(chunk);
    if (got === null) throw new HandshakeError("the client left in the middle");
    const turn = turns.next();
    if (turn) await turn;
    const joined = new Uint8Array(this.#held.length + got);
    joined.set(this.#held);
    joined.set(chunk.subarray(0, got), this.#held.length);
    this.#held = joined;
  }
}
