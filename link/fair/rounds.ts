/**
 * Rounds: who may send next, by bytes (deficit round robin), so that who has little does not
 * wait behind who has much.
 *
 * As in RFC 8290, those who have just begun to wait are served before those that have waited
 * on, for one quantum; who ran empty passes once through the old ones before it counts as
 * new again, so a stream of new ones cannot starve them.
 *
 * @module
 */

import { Fifo } from "./fifo.ts";

/** Bytes of one turn: a full frame, so that each turn sends at least one. */
export const QUANTUM_BYTES: number = 64 * 1024;

/** Somebody of whom something waits: a flow, or a host. */
export interface Waiter {
  /** Frames that wait. */
  readonly length: number;
  /** Bytes it may still send in this turn; below zero once a frame went over. */
  credit: number;
  /** Whether it is in one of the lists here; not to be changed by others. */
  isListed: boolean;
}

/** Those who wait, in the order of their turns. */
export class Rounds<W extends Waiter> {
  readonly #new = new Fifo<W>();
  readonly #old = new Fifo<W>();
  readonly #onIdle: ((waiter: W) => void) | undefined;

  /** Calls `onIdle` with who ran empty and is out of the lists. */
  constructor(onIdle?: (waiter: W) => void) {
    this.#onIdle = onIdle;
  }

  /** Something of `waiter` waits. */
  join(waiter: W): void {
    if (waiter.isListed) return;
    waiter.isListed = true;
    waiter.credit = QUANTUM_BYTES;
    this.#new.push(waiter);
  }

  /** Whose turn it is; who sends then takes the bytes off its credit. */
  next(): W | undefined {
    for (;;) {
      const list = this.#new.length > 0 ? this.#new : this.#old;
      const waiter = list.at(0);
      if (waiter === undefined) return undefined;
      if (waiter.length > 0 && waiter.credit > 0) return waiter;
      list.shift();
      if (waiter.length > 0) {
        waiter.credit += QUANTUM_BYTES;
        this.#old.push(waiter);
      } else if (list === this.#new) {
        this.#old.push(waiter);
      } else {
        waiter.isListed = false;
        this.#onIdle?.(waiter);
      }
    }
  }
}
