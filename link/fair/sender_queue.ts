/**
 * Sender queue: takes turns between the hosts that send (`rounds.ts`), and for each
 * between its flows (`fair_queue.ts`).
 *
 * Fairness between flows alone would give a host as many turns as ports that it makes up.
 *
 * @module
 */

import type { Frame } from "../../wire/frame.ts";
import { Backlog, weightOf } from "./backlog.ts";
import { FairQueue } from "./fair_queue.ts";
import { Quantum, Rounds, type Waiter } from "./rounds.ts";
import type { Sender } from "../sender.ts";

/** The part of a queue that is of one sender. */
class Share implements Waiter {
  readonly sender: Sender;
  readonly packets: FairQueue;
  credit = 0;
  isListed = false;

  constructor(sender: Sender, packets: FairQueue) {
    this.sender = sender;
    this.packets = packets;
  }

  get length(): number {
    return this.packets.length;
  }
}

/** Packets of many senders; sound IPv4 headers are taken for granted. */
export class SenderQueue extends Backlog {
  /** The bytes of a turn, of hosts and flows alike. */
  readonly quantum: Quantum = new Quantum();
  readonly #seed: number;
  /** A share for each host that ever sent. */
  readonly #shares = new Map<Sender, Share>();
  readonly #rounds = new Rounds<Share>(this.quantum);

  /** Makes an empty queue; `seed` goes into the hash of flows. */
  constructor(seed: number) {
    super();
    this.#seed = seed;
  }

  /** Adds a frame behind those of its sender and flow, and charges the sender. */
  push(frame: Frame, sender: Sender): void {
    let share = this.#shares.get(sender);
    if (share === undefined) {
      share = new Share(sender, new FairQueue(this.#seed, this.quantum));
      this.#shares.set(sender, share);
    }
    share.packets.push(frame);
    sender.weight += weightOf(frame);
    this.entered(frame);
    this.#rounds.join(share);
  }

  /**
   * Takes the next frame in turn, if any. A frame larger than `maxBytes` stays and keeps
   * its turn.
   */
  shift(maxBytes = Infinity): Frame | undefined {
    const share = this.#rounds.next();
    const frame = share?.packets.shift(maxBytes);
    if (share === undefined || frame === undefined) return undefined;
    share.credit -= frame.bytes.length;
    this.#removed(frame, share.sender);
    return frame;
  }

  /** The frame that {@linkcode SenderQueue.shift} would take next. */
  peek(): Frame | undefined {
    return this.#rounds.next()?.packets.peek();
  }

  /** Puts `pieces` in the place of the frame that {@linkcode SenderQueue.peek} showed. */
  replace(pieces: readonly Frame[]): void {
    const { packets, sender } = this.#rounds.next()!;
    this.#removed(packets.peek()!, sender);
    packets.replace(pieces);
    for (const piece of pieces) {
      sender.weight += weightOf(piece);
      this.entered(piece);
    }
  }

  /**
   * Takes the oldest frame of the flow that weighs most, of the sender that weighs most.
   */
  shiftLongest(): Frame | undefined {
    let heaviest: Share | undefined;
    for (const share of this.#shares.values()) {
      if (heaviest === undefined || share.packets.weight > heaviest.packets.weight) {
        heaviest = share;
      }
    }
    return heaviest && this.#drop(heaviest);
  }

  /** Takes the oldest frame of the flow of `sender` that weighs most. */
  shiftLongestOf(sender: Sender): Frame | undefined {
    const share = this.#shares.get(sender);
    return share && this.#drop(share);
  }

  #drop({ packets, sender }: Share): Frame | undefined {
    const frame = packets.shiftLongest();
    if (frame !== undefined) this.#removed(frame, sender);
    return frame;
  }

  #removed(frame: Frame, sender: Sender): void {
    sender.weight -= weightOf(frame);
    this.left(frame);
  }
}
