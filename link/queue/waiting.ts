/**
 * Waiting room: the outlet for packets to a host that is starting, bounded.
 *
 * @module
 */

import { Frame } from "../../wire/frame.ts";
import type { Sender, SharedOutlet } from "../sender.ts";

/** Bytes that a waiting frame counts beyond its own: the objects around it. */
const ENTRY_BYTES = 256;

/** A frame and the host that sent it. */
export interface Waiting {
  /** Name of the sender. */
  readonly from: string;
  /** The frame. */
  readonly frame: Frame;
  /** Since when, by the room's clock; 0 without one. */
  readonly since: number;
}

/** The fate of the frames that were to wait. */
export interface WaitingCounters {
  /** Kept, be it that they made way for others later. */
  waited: number;
  /** Turned away because too much was waiting. */
  overflowed: number;
}

/** The frames in a room at the moment. */
export interface WaitingStatus {
  /** Frames. */
  readonly frames: number;
  /** Their bytes, objects included. */
  readonly bytes: number;
}

/** Options of a {@linkcode WaitingRoom}. */
export interface WaitingOptions {
  /** Counted up by pushes; several rooms may have the same. */
  readonly counters?: WaitingCounters;
  /** Milliseconds of a clock that never goes back. Default: time stands still. */
  readonly now?: () => number;
}

/**
 * Holds frames in order, up to a number of bytes. Then the newest is turned away, since a
 * sender repeats its SYN: the newest of the sender that holds most, so that one sender
 * cannot take the room from the others.
 */
export class WaitingRoom implements SharedOutlet {
  readonly #limit: number;
  readonly #counters: WaitingCounters | undefined;
  readonly #now: () => number;
  #held: Waiting[] = [];
  #bytes = 0;
  /** Bytes held for each sender. */
  readonly #bytesOf = new Map<string, number>();

  /** Holds at most `limit` bytes, objects included. */
  constructor(limit: number, options: WaitingOptions = {}) {
    this.#limit = limit;
    this.#counters = options.counters;
    this.#now = options.now ?? (() => 0);
  }

  /** The present backlog. */
  status(): WaitingStatus {
    return { frames: this.#held.length, bytes: this.#bytes };
  }

  /** Keeps a frame of `sender` if there is room, and counts its fate. */
  push(frame: Frame, sender?: Sender): void {
    const { isKept, turnedAway } = this.add(sender?.name ?? "", frame);
    if (this.#counters === undefined) return;
    if (isKept) this.#counters.waited++;
    this.#counters.overflowed += turnedAway;
  }

  /**
   * Keeps a copy of `frame`, which lies in a large chunk, if there is room; tells how
   * many frames were turned away, be it `frame` or others in its place.
   */
  add(from: string, frame: Frame): { isKept: boolean; turnedAway: number } {
    const bytes = weightOf(frame);
    let turnedAway = 0;
    while (this.#bytes + bytes > this.#limit) {
      const heaviest = this.#heaviest();
      const held = this.#bytesOf.get(from) ?? 0;
      if (heaviest === undefined || held + bytes >= heaviest.bytes) {
        return { isKept: false, turnedAway: turnedAway + 1 };
      }
      const newest = this.#held.findLastIndex((each) => each.from === heaviest.name);
      const [gone] = this.#held.splice(newest, 1);
      this.#count(heaviest.name, -weightOf(gone!.frame));
      turnedAway++;
    }
    this.#count(from, bytes);
    const since = this.#now();
    this.#held.push({ from, frame: new Frame(frame.bytes.slice()), since });
    return { isKept: true, turnedAway };
  }

  /** Gives away the frames held since `time` or longer. */
  emptyUntil(time: number): Waiting[] {
    const younger = this.#held.findIndex(({ since }) => since > time);
    if (younger < 0) return this.empty();
    const old = this.#held.splice(0, younger);
    for (const { from, frame } of old) this.#count(from, -weightOf(frame));
    return old;
  }

  /** Gives away all frames held. */
  empty(): Waiting[] {
    const held = this.#held;
    this.#held = [];
    this.#bytes = 0;
    this.#bytesOf.clear();
    return held;
  }

  #count(from: string, bytes: number): void {
    this.#bytes += bytes;
    this.#bytesOf.set(from, (this.#bytesOf.get(from) ?? 0) + bytes);
  }

  #heaviest(): { readonly name: string; readonly bytes: number } | undefined {
    let most: { name: string; bytes: number } | undefined;
    for (const [name, bytes] of this.#bytesOf) {
      if (bytes > (most?.bytes ?? 0)) most = { name, bytes };
    }
    return most;
  }
}

function weightOf(frame: Frame): number {
  return frame.bytes.length + ENTRY_BYTES;
}
