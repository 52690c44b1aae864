/**
 * Bodies: where they end, read by parts, and written with the framing of the next hop.
 *
 * @module
 */
import type { ReadAhead } from "../edge/read_ahead.ts";
import type { ByteStream } from "../edge/stream.ts";
import { turns } from "../edge/turns.ts";
import { bytesOf, writeParts } from "./bytes.ts";
import { ChunkDecoder } from "./origin/chunks.ts";
import { type Field, fieldsOf, trailersOf } from "./fields.ts";
import type { Framing } from "./framing.ts";
import type { Parser } from "./client/llhttp.ts";
import { refusal } from "./client/request_head.ts";

/** A body on its way in. */
export interface Body {
  readonly hasEnded: boolean;
  /** Bytes that are still to come, if that is known. */
  readonly left: number | undefined;
  /** The trailer fields, when the body has ended. */
  readonly trailers: readonly Field[];
  /**
   * Takes the held bytes of the body out of its input: parts that are good until its next
   * `fill`. Of very many chunks only some are taken, the others with the next call.
   * Throws if they make no sense.
   */
  take(input: ReadAhead): Uint8Array[];
}

/** Why a body broke off. */
class BrokenOff extends Error {
  override readonly name = "BrokenOff";
}

/** The body of a request. */
export function requestBody(framing: Framing, parser: Parser): Body {
  if (framing.kind === "chunked") return new StrictChunks(parser);
  return new Sized(framing.kind === "sized" ? framing.length : 0);
}

/** The body of an answer. */
export function responseBody(framing: Framing): Body {
  switch (framing.kind) {
    case "none":
      return new Sized(0);
    case "sized":
      return new Sized(framing.length);
    case "chunked":
      return new TolerantChunks();
    case "closing":
      return new Closing();
  }
}

class Sized implements Body {
  left: number;
  readonly trailers = [];

  constructor(length: number) {
    this.left = length;
  }

  get hasEnded(): boolean {
    return this.left === 0;
  }

  take(input: ReadAhead): Uint8Array[] {
    const part = input.held.subarray(0, this.left);
    if (part.length === 0) return [];
    this.left -= part.length;
    input.consume(part.length);
    return [part];
  }
}

/** A body that ends with its connection. */
class Closing implements Body {
  hasEnded = false;
  readonly left = Infinity;
  readonly trailers = [];

  take(input: ReadAhead): Uint8Array[] {
    const part = input.held;
    this.hasEnded = input.ended === null; // nothing follows the held bytes
    if (part.length === 0) return [];
    input.consume(part.length);
    return [part];
  }
}

class StrictChunks implements Body {
  readonly #parser: Parser;
  readonly left = undefined;
  /** Bytes since the last of the body: sizes, extensions, trailer fields. */
  #overhead = 0;

  constructor(parser: Parser) {
    this.#parser = parser;
  }

  get hasEnded(): boolean {
    return this.#parser.hasEnded;
  }

  get trailers(): Field[] {
    return fieldsOf(this.#parser.raw);
  }

  take(input: ReadAhead): Uint8Array[] {
    if (this.hasEnded || input.size === 0) return [];
    const parser = this.#parser;
    parser.parts = [];
    const count = parser.execute(input.held);
    input.consume(count);
    if (parser.refusal) throw refusal(parser.refusal);
    this.#overhead = parser.parts.length > 0 ? 0 : this.#overhead + count;
    if (this.#overhead > OVERHEAD_BYTES) {
      throw refusal(`more than ${OVERHEAD_BYTES} bytes between its chunks`);
    }
    return parser.parts;
  }
}

/** Bytes of a request between two chunks, and of its trailer fields. */
const OVERHEAD_BYTES = 65_536;

class TolerantChunks implements Body {
  readonly #decoder = new ChunkDecoder();
  readonly left = undefined;

  get hasEnded(): boolean {
    return this.#decoder.hasEnded;
  }

  get trailers(): readonly Field[] {
    return this.#decoder.trailers;
  }

  take(input: ReadAhead): Uint8Array[] {
    const parts: Uint8Array[] = [];
    input.consume(this.#decoder.decode(input.held, parts));
    return parts;
  }
}

const CRLF = bytesOf("\r\n");
const LAST_CHUNK = bytesOf("0\r\n\r\n");

/**
 * Writes a message: its head together with the first parts of its body, then the rest.
 */
export class MessageWriter {
  readonly #stream: Pick<ByteStream, "write">;
  readonly #isChunked: boolean;
  #head: Uint8Array | undefined;

  /** `head` is written with the first parts. */
  constructor(
    stream: Pick<ByteStream, "write">,
    head: Uint8Array,
    { isChunked }: { readonly isChunked: boolean },
  ) {
    this.#stream = stream;
    this.#head = head;
    this.#isChunked = isChunked;
  }

  /** Writes the head, the first time, and parts; with `trailers` ends the message. */
  async write(
    parts: readonly Uint8Array[],
    trailers?: readonly Field[],
  ): Promise<void> {
    const head = this.#head;
    this.#head = undefined;
    if (!head && !this.#isChunked) return await writeParts(this.#stream, parts);
    const all: Uint8Array[] = head ? [head] : [];
    if (!this.#isChunked) all.push(...parts);
    else {
      const size = parts.reduce((sum, { length }) => sum + length, 0);
      if (size > 0) all.push(bytesOf(`${size.toString(16)}\r\n`), ...parts, CRLF);
      if (trailers?.length === 0) all.push(LAST_CHUNK);
      else if (trailers) {
        const lines = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        all.push(bytesOf(`0\r\n${lines}\r\n`));
      }
    }
    await writeParts(this.#stream, all);
  }
}

/**
 * Carries a body from `input` to `writer`, to its end or until `isStopped`. Rejects with
 * the error of either side, and with {@linkcode BrokenOff} for a body that is not whole.
 */
export async function carry(
  body: Body,
  input: ReadAhead,
  writer: MessageWriter,
  isStopped = () => false,
): Promise<void> {
  for (let isFirst = true;; isFirst = false) {
    const parts = body.take(input);
    const { hasEnded } = body;
    if (parts.length > 0 || hasEnded || isFirst) {
      await writer.write(parts, hasEnded ? trailersOf(body.trailers) : undefined);
    }
    if (hasEnded || isStopped()) return;
    if (input.ended !== undefined && input.size === 0) throw broken(body, input.ended);
    if (input.size === 0) await input.fill();
    else await turns.next(); // too many chunks for a single go
    if (isStopped()) return;
  }
}

/** Why a body is not whole. A body that ends with its connection may end so. */
function broken({ left }: Body, ended: Error | null): Error {
  if (ended) return ended;
  const missing = left === undefined
    ? "before its last chunk"
    : `${left} bytes too early`;
  return new BrokenOff(`the connection ended ${missing}`);
}
