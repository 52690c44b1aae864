/**
 * Fair queue: takes turns between flows (`rounds.ts`), so that a small flow does not wait
 * behind a large one.
 *
 * Flows are told apart by a hash into a fixed number of places; flows that collide share
 * a turn.
 *
 * @module
 */

import { type Frame, HEADER_BYTES } from "../../wire/frame.ts";
import { Backlog, weightOf } from "./backlog.ts";
import { Fifo } from "./fifo.ts";
import { flowOf } from "./flow.ts";
import { Quantum, Rounds, type Waiter } from "./rounds.ts";

/** Places for flows. */
const PLACES = 1024;

/** Empty flows that are kept, so that a few flows need not be made anew. */
const KEPT = 16;

/** Frames dropped of a flow before the longest flow is looked for again. */
const DROPS = 64;

/** The frames of the flows of one place. */
class FlowQueue implements Waiter {
  readonly place: number;
  readonly frames = new Fifo<Frame>();
  weight = 0;
  credit = 0;
  isListed = false;

  constructor(place: number) {
    this.place = place;
  }

  get length(): number {
    return this.frames.length;
  }
}

/** Packets of many flows; sound IPv4 headers are taken for granted. */
export class FairQueue extends Backlog {
  readonly #seed: number;
  /** By place. */
  readonly #flows = new Map<number, FlowQueue>();
  readonly #rounds: Rounds<FlowQueue>;
  /**
   * The flow found longest, the weight down to which it counts as longest, and its drops.
   */
  #longest: FlowQueue | undefined;
  #longestLeast = 0;
  #longestDrops = 0;

  /** Makes an empty queue; `seed` goes into the hash. */
  constructor(seed: number, quantum: Quantum = new Quantum()) {
    super();
    this.#seed = seed;
    this.#rounds = new Rounds(quantum, (flow) => {
      if (this.#flows.size > KEPT) this.#flows.delete(flow.place);
    });
  }

  /** Adds a frame behind those of its flow. */
  push(frame: Frame): void {
    const place = flowOf(frame.bytes, HEADER_BYTES, this.#seed) % PLACES;
    let flow = this.#flows.get(place);
    if (flow === undefined) {
      flow = new FlowQueue(place);
      this.#flows.set(place, flow);
    }
    flow.frames.push(frame);
    flow.weight += weightOf(frame);
    this.entered(frame);
    this.#rounds.join(flow);
  }

  /**
   * Takes the next frame in turn, if any. A frame larger than `maxBytes` stays and keeps
   * its turn.
   */
  shift(maxBytes = Infinity): Frame | undefined {
    const flow = this.#rounds.next();
    if (flow === undefined || flow.frames.at(0)!.bytes.length > maxBytes) {
      return undefined;
    }
    const frame = this.#remove(flow)!;
    flow.credit -= frame.bytes.length;
    return frame;
  }

  /** The frame that {@linkcode FairQueue.shift} would take next. */
  peek(): Frame | undefined {
    return this.#rounds.next()?.frames.at(0);
  }

  /** Puts `pieces` in the place of the frame that {@linkcode FairQueue.peek} showed. */
  replace(pieces: readonly Frame[]): void {
    const flow = this.#rounds.next()!;
    this.#remove(flow);
    for (const piece of pieces.toReversed()) {
      flow.frames.unshift(piece);
      flow.weight += weightOf(piece);
      this.entered(piece);
    }
  }

  /**
   * Takes the oldest frame of the flow that weighs most. The oldest, because then those
   * behind it soon tell the receiver of the gap, and the sender repeats the frame without
   * a timeout. Among many flows the search is made once for many drops: a flood of as
   * many flows as there are places would otherwise cost a look at all of them for each of
   * its packets.
   */
  shiftLongest(): Frame | undefined {
    if (
      this.#flows.size > KEPT && this.#longest !== undefined &&
      this.#longest.weight > this.#longestLeast && this.#longestDrops++ < DROPS
    ) return this.#remove(this.#longest);
    let longest: FlowQueue | undefined;
    for (const flow of this.#flows.values()) {
      if (flow.weight > (longest?.weight ?? 0)) longest = flow;
    }
    this.#longest = longest;
    this.#longestDrops = 0;
    if (longest === undefined) return undefined;
    this.#longestLeast = longest.weight / 2;
    return this.#remove(longest);
  }

  #remove(flow: FlowQueue): Frame | undefined {
    const frame = flow.frames.shift();
    if (frame !== undefined) {
      flow.weight -= weightOf(frame);
      this.left(frame);
    }
    return frame;
  }
}
