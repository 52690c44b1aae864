/**
 * Reads the chunks of a server's answer (RFC 9112, 7.1), as tolerantly as curl: sizes may
 * have blanks behind them, and lines end in LF alone.
 *
 * llhttp takes the blanks, but not the LF, and copies what it reads into its own memory.
 *
 * @module
 */
import { textOf } from "../bytes.ts";
import type { Field } from "../fields.ts";
import { readFieldLines, ResponseError } from "./response_head.ts";

const LF = 10;
/** Bytes of the line of a size, with its extensions. */
const LINE_BYTES = 16_384;
/** Bytes of all trailer fields. */
const TRAILER_BYTES = 65_536;
/** Digits of a size, without zeros before them: below 2^52. */
const DIGITS = 13;

/** A decoder of a body. */
export class ChunkDecoder {
  #state: "size" | "data" | "dataEnd" | "trailer" | "ended" = "size";
  /** Of a line that has not ended yet. */
  #line = "";
  /** Bytes of the chunk that are still to come. */
  #left = 0;
  #trailer: string[] = [];
  #trailerBytes = 0;

  /** Whether the body is complete. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** The trailer fields, when it is. */
  get trailers(): Field[] {
    return readFieldLines(this.#trailer, 0);
  }

  /**
   * Adds the parts of the body in `bytes` to `parts`, as subarrays; how many bytes belong
   * to the message. Throws a {@linkcode ResponseError}.
   */
  decode(bytes: Uint8Array, parts: Uint8Array[]): number {
    let at = 0;
    while (at < bytes.length && this.#state !== "ended") {
      if (this.#state === "data") {
        const part = bytes.subarray(at, at + this.#left);
        parts.push(part);
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#state = "dataEnd";
      } else at = this.#readLine(bytes, at);
    }
    return at;
  }

  /** Reads up to the end of a line; where it is. */
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
    this.#left = digits === "" ? 0 : parseInt(digits, 16);
    this.#state = this.#left === 0 ? "trailer" : "data";
  }
}
