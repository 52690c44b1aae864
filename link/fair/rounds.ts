/**
 * Rounds: the next to send, by bytes (deficit round robin), so that waiters with few
 * bytes do not wait behind those with many.
 *
 * As in RFC 8290, new waiters are served before old waiters, for one quantum; a waiter
 * that ran empty passes once through the old list before joining the new list again, so a
 * stream of new waiters cannot starve the old.
 *
 * @module
 */

import { Fifo } from "./fifo.ts";

/** Bytes of a turn: the longest frame, so that each turn sends at least a frame. */
export const QUANTUM_BYTES: number = 64 * 1024;

/** The bytes of a turn of all the {@linkcode Rounds} of a queue. */
export class Quantum {
  /** May change at any time; turns under way are shortened to it. */
  bytes: number = QUANTUM_BYTES;
}

/** A flow or a host with frames that wait. */
export interface Waiter {
  /** Frames that wait. */
  readonly length: number;
  /** Bytes left in this turn; below zero once a frame went over. */
  credit: number;
  /** Whether the waiter is in a list of {@linkcode Rounds}, which alone changes this. */
  isListed: boolean;
}

/** The waiters in the order of their turns. */
export class Rounds<W extends Waiter> {
  readonly #new = new Fifo<W>();
  readonly #old = new Fifo<W>();
  readonly #quantum: Quantum;
  readonly #onIdle: ((waiter: W) => void) | undefined;

  /** Calls `onIdle` with each waiter that ran empty and is out of the lists. */
  constructor(quantum: Quantum, onIdle?: (waiter: W) => void) {
    this.#quantum = quantum;
    this.#onIdle = onIdle;
  }

  /** `waiter` has frames that wait. */
  join(waiter: W): void {
    if (waiter.isListed) return;
    waiter.isListed = true;
    waiter.credit = this.#quantum.bytes;
    this.#new.push(waiter);
  }

  /** The waiter whose turn has come; the caller takes the bytes sent off its credit. */
  next(): W | undefined {
    for (;;) {
      const list = this.#new.length > 0 ? this.#new : this.#old;
      const waiter = list.at(0);
      if (waiter === undefined) return undefined;
      if (waiter.length > 0 && waiter.credit > 0) {
        if (waiter.credit > this.#quantum.bytes) waiter.credit = this.#quantum.bytes;
        return waiter;
      }
      list.shift();
      if (waiter.length > 0) {
        waiter.credit += this.#quantum.bytes;
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
