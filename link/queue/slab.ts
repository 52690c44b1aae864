/**
 * Slab: copies of small frames side by side, so that each does not cost a piece of memory
 * of its own, which is dearer than the frame and given back less readily.
 *
 * @module
 */

import { Frame } from "../../wire/frame.ts";

/** Bytes of a slab: as much as a single small frame may keep from being given back. */
const SLAB_BYTES = 4096;

/** A larger frame is copied into memory of its own. */
const MOST_BYTES = SLAB_BYTES / 8;

/** Makes copies; a slab goes when none of its frames is held any more. */
export class Slab {
  #bytes = new Uint8Array(0);
  #used = 0;

  /** The same frame in memory that stays. */
  copy({ bytes }: Frame): Frame {
    const { length } = bytes;
    if (length > MOST_BYTES) return new Frame(bytes.slice());
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#bytes.buffer, this.#used, length);
    copy.set(bytes);
    this.#used += length;
    return new Frame(copy);
  }
}
