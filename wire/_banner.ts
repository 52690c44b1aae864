/**
 * The text before the first frame: where does a login's banner end?
 *
 * A shell or a login program may print text before the agent does. Ordinary text holds
 * the magic byte (the letter B), so a frame is believed only where all of its
 * header fits: the type is known, a packet is no longer than a packet can be, an object
 * begins the JSON. Otherwise the letters "Bxy" followed by a frame of 256 bytes would look
 * like a frame of their own. Behind text the padding must be zero, too, and a packet must
 * begin as IPv4 does.
 *
 * @module
 */

import { COUNTED_HEADER_BYTES, FrameType, HEADER_BYTES, MAGIC } from "./frame.ts";

/** Bytes that suffice to tell whether a frame begins at the first of them. */
export const LOOKAHEAD_BYTES: number = HEADER_BYTES + 1;

/** Longest IPv4 packet, in bytes (RFC 791, 3.1). */
const MAX_PACKET = 65535;

/** First byte of a JSON object. */
const BRACE = 0x7b;

/** Skips and keeps the text before the first frame of a stream. */
export class BannerSkipper {
  /** Bytes of text that are allowed. */
  readonly limit: number;
  readonly #decoder = new TextDecoder();
  #text = "";
  #bytes = 0;
  #first = new Uint8Array();
  #found = false;

  /** Allows at most `limit` bytes of text. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** The text skipped so far; bytes that are not UTF-8 are replaced. */
  get text(): string {
    return this.#text;
  }

  /** The first bytes skipped, at most 32. */
  get firstBytes(): Uint8Array {
    return this.#first;
  }

  /** Whether the frame after the text was found. */
  get found(): boolean {
    return this.#found;
  }

  /** Whether more text came than is allowed. */
  get overLimit(): boolean {
    return this.#bytes > this.limit;
  }

  /**
   * Returns how many bytes at the start of `chunk` are text. If `found` is true then, a
   * frame follows them; else the rest, shorter than {@linkcode LOOKAHEAD_BYTES}, has to
   * come again with the next bytes.
   */
  skip(chunk: Uint8Array): number {
    let at = 0;
    while ((at = chunk.indexOf(MAGIC, at)) >= 0) {
      const verdict = frameAt(chunk, at, this.#bytes + at === 0);
      this.#found = verdict === "yes";
      if (verdict !== "no") break;
      at++;
    }
    if (at < 0) at = chunk.length;
    this.add(chunk.subarray(0, at));
    return at;
  }

  /** Takes all of `bytes` for text. */
  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#bytes === 0) this.#first = bytes.slice(0, 32);
    const room = Math.max(0, this.limit - this.#bytes);
    this.#text += this.#decoder.decode(bytes.subarray(0, room), { stream: true });
    this.#bytes += bytes.length;
  }
}

/** Whether a frame begins at `at`: yes, no, or more bytes are needed to tell. */
function frameAt(chunk: Uint8Array, at: number, atStart: boolean): "yes" | "no" | "more" {
  const have = chunk.length - at;
  if (have > 4 && chunk[at + 4] !== 0) return "no";
  if (have < 6) return "more";
  const type = chunk[at + 5]!;
  const payload = (chunk[at + 1]! << 16 | chunk[at + 2]! << 8 | chunk[at + 3]!) -
    COUNTED_HEADER_BYTES;
  if (type === FrameType.L3) {
    if (payload < 0 || payload > MAX_PACKET) return "no";
    if (atStart) return "yes";
  } else if (type !== FrameType.JSON) return "no";
  if (payload < 1) return "no";
  if (!atStart && have > 6 && chunk[at + 6] !== 0) return "no";
  if (!atStart && have > 7 && chunk[at + 7] !== 0) return "no";
  if (have < LOOKAHEAD_BYTES) return "more";
  const first = chunk[at + HEADER_BYTES]!;
  return (type === FrameType.JSON ? first === BRACE : first >>> 4 === 4) ? "yes" : "no";
}
