/**
 * Parts of a body, small ones joined.
 *
 * A body may come in chunks of a byte. An array for each of them, and a step in whatever
 * is done with them later, would cost a hundred times as much as the byte itself.
 *
 * @module
 */

/** A part of fewer bytes is joined with its small neighbours. */
const SMALL = 1024;
/** Bytes of a buffer of joined parts. */
const JOINED = 16_384;
/** Below this a loop is quicker than a call that copies. */
const FEW = 32;

const NOTHING = new Uint8Array(0);

/** Gathers the parts of a body. */
export class PartGatherer {
  /** A small part that no other followed yet: mostly none does. */
  #single: Uint8Array | undefined;
  #buffer = NOTHING;
  #start = 0;
  #end = 0;

  /** Adds `bytes` from `from` to `to`; to `parts` go those that have become whole. */
  add(bytes: Uint8Array, from: number, to: number, parts: Uint8Array[]): void {
    const size = to - from;
    if (size >= SMALL) {
      this.flush(parts);
      parts.push(bytes.subarray(from, to));
    } else if (this.#end > this.#start) {
      if (this.#end + size > this.#buffer.length) this.#makeRoom(parts);
      this.#copy(bytes, from, to);
    } else if (this.#single) {
      const first = this.#single;
      this.#single = undefined;
      if (this.#end + first.length + size > this.#buffer.length) this.#makeRoom(parts);
      this.#copy(first, 0, first.length);
      this.#copy(bytes, from, to);
    } else if (size > 0) this.#single = bytes.subarray(from, to);
  }

  /** Adds the rest to `parts`, which are good as long as the bytes that were added. */
  flush(parts: Uint8Array[]): void {
    if (this.#single) parts.push(this.#single);
    this.#single = undefined;
    if (this.#end === this.#start) return;
    parts.push(this.#buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #makeRoom(parts: Uint8Array[]): void {
    this.flush(parts);
    this.#buffer = new Uint8Array(JOINED);
    this.#start = this.#end = 0;
  }

  #copy(bytes: Uint8Array, from: number, to: number): void {
    const buffer = this.#buffer;
    if (to - from < FEW) {
      for (let at = from; at < to; at++) buffer[this.#end++] = bytes[at]!;
      return;
    }
    buffer.set(bytes.subarray(from, to), this.#end);
    this.#end += to - from;
  }
}
