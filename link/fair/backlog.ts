/**
 * Backlog: the waiting frames in number, bytes and weight.
 *
 * @module
 */

import type { Frame } from "../../wire/frame.ts";

/** Bytes that a waiting frame weighs beyond its own: the objects around it. */
export const ENTRY_BYTES = 1024;

/** The weight of a waiting frame, in bytes. */
export function weightOf(frame: Frame): number {
  return frame.bytes.length + ENTRY_BYTES;
}

/** Counts the frames that wait in a queue, its subclass. */
export abstract class Backlog {
  #length = 0;
  #bytes = 0;

  /** Frames waiting. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of the frames waiting. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes, and {@linkcode ENTRY_BYTES} for each frame. */
  get weight(): number {
    return this.#bytes + this.#length * ENTRY_BYTES;
  }

  /** A frame waits from now on. */
  protected entered(frame: Frame): void {
    this.#length++;
    this.#bytes += frame.bytes.length;
  }

  /** A frame waits no more. */
  protected left(frame: Frame): void {
    this.#length--;
    this.#bytes -= frame.bytes.length;
  }
}
