/**
 * Pins: keeps small frames that wait from pinning the large chunks they were read with.
 *
 * Once 64 frames wait, a frame that is less than an eighth of a chunk not pinned yet is
 * copied out, so that the pinned bytes stay within 8 times the waiting bytes and 65
 * chunks.
 *
 * @module
 */

import type { Frame } from "../../wire/frame.ts";
import { Slab } from "./slab.ts";

/** With fewer frames waiting than this, none is copied out of its chunk. */
const UNCOPIED_FRAMES = 64;

/** A frame is copied when its chunk is more than this many times as large. */
const PINNED_RATIO = 8;

/** The pinned chunks of a queue. */
export class Pins {
  readonly #copies = new Slab();
  /**
   * The chunk of the last small frame that was not copied: further frames of that chunk
   * cost nothing.
   */
  #pinned: ArrayBufferLike | undefined;

  /** The frame that is to wait behind `waiting` others: itself, or a copy. */
  keep(frame: Frame, waiting: number): Frame {
    const { length, buffer } = frame.bytes;
    if (buffer === this.#pinned) return frame;
    if (buffer.byteLength > length * PINNED_RATIO) {
      if (waiting >= UNCOPIED_FRAMES) return this.#copies.copy(frame);
      this.#pinned = buffer;
    }
    return frame;
  }
}
