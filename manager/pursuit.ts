/**
 * Pursuit: the time for the router to end connections that a new policy forbids, or whose host
 * was lost.
 *
 * @module
 */

import type { Clock } from "../link/clock.ts";
import type { Router } from "../router/route.ts";

/** Milliseconds to the first look after a swap; each wait is twice the one before. */
const FIRST_WAIT = 250;
/** Milliseconds between two looks at most. */
const LONGEST_WAIT = 4000;

/** Has the router pursue, as long as there is anybody to be pursued. */
export class Pursuit {
  readonly #router: Pick<Router, "pursue" | "pursued">;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;
  #wait = FIRST_WAIT;
  #isStopped = false;

  /** Waits for nothing yet. */
  constructor(router: Pick<Router, "pursue" | "pursued">, clock: Clock) {
    this.#router = router;
    this.#clock = clock;
  }

  /** The rules were swapped, and the router has just begun. */
  begin(): void {
    this.#rest();
    this.#wait = FIRST_WAIT;
    if (!this.#isStopped && this.#router.pursued > 0) this.#look();
  }

  /** Something happened that may have ended connections. */
  goOn(): void {
    if (this.#cancel === undefined && this.#router.pursued > 0) this.begin();
  }

  /** The mesh is over. */
  stop(): void {
    this.#rest();
    this.#isStopped = true;
  }

  #rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.#cancel = this.#clock.after(this.#wait, () => {
      this.#cancel = undefined;
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
      if (this.#router.pursue() > 0) this.#look();
    });
  }
}
