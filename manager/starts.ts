/**
 * Starts: the order in which the hosts of a mesh are tried, so that many hosts that are down
 * leave the thread to those that are up.
 *
 * ## Theory of operation
 *
 * To start a command takes milliseconds, on a busy machine tens of them, in which the manager
 * carries no packet. Four hundred hosts that fail and are tried again every few seconds would
 * take all of its time. So each start is followed by a pause of {@linkcode PAUSE} times what
 * starting has taken since the last, {@linkcode LEAST} at least: starts get a fifth of the
 * time. The first {@linkcode AT_ONCE} need not wait for that, nor one more each
 * {@linkcode ANOTHER}, so that meshes of a usual size notice nothing.
 *
 * Hosts that wait are tried in the order in which they came, first those that somebody waits
 * for: a host that was never tried, or whose agent stays. A host waits for one start at a
 * time, so the queue is never longer than the mesh.
 *
 * @module
 */

import type { Clock } from "../link/clock.ts";

/** Starts without a pause, beside the first. */
export const AT_ONCE = 32;
/** Milliseconds after which there may be one more of them. */
const ANOTHER = 1000;
/** The pause behind a start, by the time that the start took. */
const PAUSE = 4;
/** Milliseconds of the shortest pause. */
const LEAST = 5;

/** The powers of {@linkcode Starts}. */
export interface StartsOptions {
  readonly clock: Clock;
  /** Milliseconds that all starts together have held the thread so far. */
  spent(): number;
}

/** A host that waits for its turn. */
interface Waiting {
  readonly go: () => void;
}

/** The starts of a mesh. */
export class Starts {
  readonly #clock: Clock;
  readonly #spent: () => number;
  readonly #urgent = new Set<Waiting>();
  readonly #others = new Set<Waiting>();
  /** When there may be another start, in milliseconds of the clock. */
  #next = -Infinity;
  /** When the starts at once would all be there again. */
  #full = -Infinity;
  #seen = 0;
  #cancel: (() => void) | undefined;

  constructor({ clock, spent }: StartsOptions) {
    this.#clock = clock;
    this.#spent = spent;
  }

  /** Hosts that wait for a start. */
  get waiting(): number {
    return this.#urgent.size + this.#others.size;
  }

  /**
   * Asks for a start: nothing if it may be now, or what settles when it may be, or when
   * `until` has settled, which gives the turn up.
   */
  turn(isUrgent: boolean, until: Promise<void>): Promise<void> | undefined {
    this.#account();
    if (this.waiting === 0 && this.#isFree()) {
      this.#begin();
      return undefined;
    }
    const queue = isUrgent ? this.#urgent : this.#others;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { go: resolve };
    queue.add(waiting);
    this.#wait();
    return Promise.race([promise, until]).finally(() => {
      queue.delete(waiting);
      if (this.waiting > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    });
  }

  /** Lengthens the pause by what the starts took since the last look. */
  #account(): void {
    const spent = this.#spent();
    this.#next += PAUSE * (spent - this.#seen);
    this.#seen = spent;
  }

  #isFree(): boolean {
    const now = this.#clock.now();
    return this.#next <= now || this.#full - now <= (AT_ONCE - 1) * ANOTHER;
  }

  #begin(): void {
    const now = this.#clock.now();
    if (this.#next > now) this.#full = Math.max(this.#full, now) + ANOTHER;
    this.#next = Math.max(this.#next, now) + LEAST;
  }

  #wait(): void {
    if (this.#cancel || this.waiting === 0) return;
    const now = this.#clock.now();
    const another = this.#full - (AT_ONCE - 1) * ANOTHER;
    const ms = Math.max(0, Math.min(this.#next, another) - now);
    this.#cancel = this.#clock.after(Math.ceil(ms), () => this.#look());
  }

  /** One start for a timer, so that packets have their turn between two. */
  #look(): void {
    this.#cancel = undefined;
    this.#account();
    if (this.#isFree()) {
      const queue = this.#urgent.size > 0 ? this.#urgent : this.#others;
      const [first] = queue;
      if (first) {
        queue.delete(first);
        this.#begin();
        first.go();
      }
    }
    this.#wait();
  }
}
