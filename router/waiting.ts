/**
 * Waiting room: the packets to a host that is starting, bounded.
 *
 * @module
 */

import { Frame } from "../wire/frame.ts";

/** What a waiting frame is counted for beyond its bytes: the objects around it. */
const ENTRY_BYTES = 256;

/** A frame and the host that sent it. */
export interface Waiting {
  /** Name of the sender. */
  readonly from: string;
  /** What it sent. */
  readonly frame: Frame;
}

/**
 * Holds frames in order, up to a number of bytes; then the newest is turned away, since a
 * sender repeats its SYN.
 */
export class WaitingRoom {
  readonly #limit: number;
  #held: Waiting[] = [];
  #bytes = 0;

  /** Holds at most `limit` bytes, objects included. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Keeps a copy of `frame`, which lies in a large chunk; false if there is no room. */
  add(from: string, frame: Frame): boolean {
    const bytes = this.#bytes + frame.bytes.length + ENTRY_BYTES;
    if (bytes > this.#limit) return false;
    this.#bytes = bytes;
    this.#held.push({ from, frame: new Frame(frame.bytes.slice()) });
    return true;
  }

  /** Gives away all it holds. */
  empty(): Waiting[] {
    const held = this.#held;
    this.#held = [];
    this.#bytes = 0;
    return held;
  }
}
