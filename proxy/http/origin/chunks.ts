/**
 * Reads the chunks of a server's answer (RFC 9112, 7.1), as tolerantly as curl: sizes may
 * have blanks behind them, and lines end in LF alone.
 *
 * llhttp takes the blanks, but not the LF, and copies its input into its own memory.
 *
 * @module
 */
import { textOf } from "../bytes.ts";
import type { Field } from "../fields.ts";
import { PartGatherer } from "../parts.ts";
import { readFieldLines, ResponseError } from "./response_head.ts";

const CR = 13;
const LF = 10;
/** Chunks, and lines, that are read in a go: less than a turn of work. */
const MOST_STEPS = 12_288;
/** Bytes of the line of a size, with its extensions. */
const LINE_BYTES = 16_384;
/** Bytes of all trailer fields. */
const TRAILER_BYTES = 65_536;
/** Digits of a size, without zeros before them: below 2^52. */
const DIGITS = 13;
/** Digits of a size that is read without a pattern. */
const FEW_DIGITS = 7;

/** A decoder of a body. */
export class ChunkDecoder {
  #state: "size" | "data" | "dataEnd" | "trailer" | "ended" = "size";
  /** The beginning of a line that has not ended yet. */
  #line = "";
  /** Bytes of the chunk that are still to come. */
  #left = 0;
  #trailer: string[] = [];
  #trailerBytes = 0;
  readonly #gatherer = new PartGatherer();

  /** Whether the body is complete. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** The trailer fields, when the body is complete. */
  get trailers(): Field[] {
    return readFieldLines(this.#trailer, 0);
  }

  /**
   * Adds the parts of the body in `bytes` to `parts`, as subarrays, small parts joined;
   * how many bytes were read. The others are behind the message or, if that has not
   * ended, for the next call. Throws a {@linkcode ResponseError}.
   */
  decode(bytes: Uint8Array, parts: Uint8Array[]): number {
    let at = 0;
    for (let steps = 0; at < bytes.length && this.#state !== "ended"; steps++) {
      if (steps === MOST_STEPS) break;
      if (this.#state === "data") {
        const end = Math.min(at + this.#left, bytes.length);
        this.#gatherer.add(bytes, at, end, parts);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = "dataEnd";
      } else at = this.#readPlain(bytes, at) ?? this.#readLine(bytes, at);
    }
    this.#gatherer.flush(parts);
    return at;
  }

  /** The same as `#readLine` for lines as they mostly are; undefined for others. */
  #readPlain(bytes: Uint8Array, at: number): number | undefined {
    if (this.#line !== "" || this.#state === "trailer") return undefined;
    let size = 0;
    if (this.#state === "size") {
      const first = at;
      for (let digit; (digit = digitOf(bytes[at])) >= 0; at++) size = size * 16 + digit;
      if (at === first || at - first > FEW_DIGITS) return undefined;
    }
    if (bytes[at] === CR) at++;
    if (bytes[at] !== LF) return undefined;
    if (this.#state === "dataEnd") this.#state = "size";
    else this.#setSize(size);
    return at + 1;
  }

  /** Reads up to the end of a line; the position behind the bytes read. */
  #readLine(bytes: Uint8Array, at: number): number {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf;
    const limit = this.#state === "dataEnd" ? 1 : LINE_BYTES;
    if (this.#line.length + end - at > limit) {
      throw new ResponseError(
        this.#state === "dataEnd"
          ? "a chunk is longer than its size says"
          : `a line of more than ${LINE_BYTES} bytes between chunks`,
      );
    }
    this.#line += textOf(bytes.subarray(at, end));
    if (lf < 0) return end;
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    this.#takeLine(line);
    return lf + 1;
  }

  #takeLine(line: string): void {
    switch (this.#state) {
      case "size":
        return this.#takeSize(line);
      case "dataEnd":
        if (line !== "") throw new ResponseError("a chunk is longer than its size says");
        this.#state = "size";
        return;
      case "trailer":
        this.#trailerBytes += line.length + 2;
        if (this.#trailerBytes > TRAILER_BYTES) {
          throw new ResponseError(`more than ${TRAILER_BYTES} bytes of trailer fields`);
        }
        if (line === "") this.#state = "ended";
        else this.#trailer.push(line);
    }
  }

  #takeSize(line: string): void {
    const [, size] = /^[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;|$)/.exec(line) ?? [];
    const digits = size?.replace(/^0+/, "");
    if (digits === undefined || digits.length > DIGITS) {
      throw new ResponseError(
        `${JSON.stringify(line.slice(0, 40))} is no size of a chunk`,
      );
    }
    this.#setSize(digits === "" ? 0 : parseInt(digits, 16));
  }

  #setSize(size: number): void {
    this.#left = size;
    this.#state = size === 0 ? "trailer" : "data";
  }
}

/** The value of a hexadecimal digit; -1 for any other byte, and none. */
function digitOf(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
