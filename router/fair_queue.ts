/**
 * Fair queue: takes turns between flows, by bytes (deficit round robin), so that a small
 * flow does not wait behind a large one.
 *
 * Flows are told apart by a hash into a fixed number of places; two that collide share
 * a turn. As in RFC 8290, flows that have just begun to wait are served before those that
 * have waited on, for one quantum; a flow that ran empty passes once through the old ones
 * before it counts as new again, so a stream of new flows cannot starve them.
 *
 * @module
 */

import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { Fifo } from "./fifo.ts";
import { flowOf } from "./flow.ts";

/** Bytes of one turn: a full frame, so that each turn sends at least one. */
export const QUANTUM_BYTES: number = 64 * 1024;

/** Places for flows. */
const PLACES = 1024;

/** What a waiting frame weighs beyond its bytes: the objects around it. */
export const ENTRY_BYTES = 256;

class Flow {
  readonly frames = new Fifo<Frame>();
  weight = 0;
  /** Bytes it may still send in this turn; below zero once a frame went over. */
  credit = 0;
  isListed = false;
}

/** Packets of many flows; sound IPv4 headers are taken for granted. */
export class FairQueue {
  readonly #seed: number;
  readonly #flows: (Flow | undefined)[] = new Array(PLACES);
  readonly #new = new Fifo<Flow>();
  readonly #old = new Fifo<Flow>();
  #length = 0;
  #bytes = 0;

  /** Makes an empty queue; `seed` goes into the hash. */
  constructor(seed: number) {
    this.#seed = seed;
  }

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

  /** Adds a frame behind those of its flow. */
  push(frame: Frame): void {
    const place = flowOf(frame.bytes, HEADER_BYTES, this.#seed) % PLACES;
    const flow = this.#flows[place] ??= new Flow();
    flow.frames.push(frame);
    flow.weight += frame.bytes.length + ENTRY_BYTES;
    this.#length++;
    this.#bytes += frame.bytes.length;
    if (flow.isListed) return;
    flow.isListed = true;
    flow.credit = QUANTUM_BYTES;
    this.#new.push(flow);
  }

  /**
   * Takes the frame whose turn it is, if any is waiting. One larger than `maxBytes` stays
   * and keeps its turn.
   */
  shift(maxBytes = Infinity): Frame | undefined {
    for (;;) {
      const list = this.#new.length > 0 ? this.#new : this.#old;
      const flow = list.at(0);
      if (flow === undefined) return undefined;
      if (flow.frames.length > 0 && flow.credit > 0) {
        if (flow.frames.at(0)!.bytes.length > maxBytes) return undefined;
        const frame = this.#remove(flow)!;
        flow.credit -= frame.bytes.length;
        return frame;
      }
      list.shift();
      if (flow.frames.length > 0) {
        flow.credit += QUANTUM_BYTES;
        this.#old.push(flow);
      } else if (list === this.#new) {
        this.#old.push(flow);
      } else {
        flow.isListed = false;
      }
    }
  }

  /**
   * Takes the oldest frame of the flow that weighs most. The oldest, because then those
   * behind it soon tell the receiver of the gap, and the sender repeats it without a
   * timeout.
   */
  shiftLongest(): Frame | undefined {
    let longest: Flow | undefined;
    for (const list of [this.#new, this.#old]) {
      for (let i = 0; i < list.length; i++) {
        const flow = list.at(i)!;
        if (longest === undefined || flow.weight > longest.weight) longest = flow;
      }
    }
    return longest && this.#remove(longest);
  }

  #remove(flow: Flow): Frame | undefined {
    const frame = flow.frames.shift();
    if (frame !== undefined) {
      flow.weight -= frame.bytes.length + ENTRY_BYTES;
      this.#length--;
      this.#bytes -= frame.bytes.length;
    }
    return frame;
  }
}
