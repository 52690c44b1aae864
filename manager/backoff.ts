/**
 * When a host that failed is tried again, and which of its failures and returns the user
 * is told.
 *
 * @module
 */

/** Milliseconds before the first retry, and the least before any. */
const LEAST = 500;
/** The most, in milliseconds. */
const MOST = 30_000;
/** Failures in a row that are all told. */
const ALWAYS_TOLD = 3;
/** Milliseconds between those told after that. */
const TOLD_EVERY = 60_000;

/** Milliseconds a host must have been up for its failures to count from 1 again. */
export const STEADY_AFTER = 30_000;

/**
 * Milliseconds until the next attempt: doubling from half a second to half a minute, half
 * of that left to chance, so that links that ended together do not all return at once.
 *
 * @param failures how many failures in a row there were, 1 or more.
 * @param random from 0 up to but not 1.
 */
export function retryDelay(failures: number, random: number): number {
  const full = Math.min(MOST, LEAST * 2 ** Math.min(failures, 16));
  return Math.max(LEAST, Math.round(full / 2 * (1 + random)));
}

/**
 * Which failures of one host the user is told: three, then one a minute. A return is told if
 * a failure before it was, so that the log ends with the state that the host is in.
 */
export class Telling {
  #last = -Infinity;
  #isReturnTold = false;

  /** Whether the failure with this number, at this time in milliseconds, is to be told. */
  shouldTell(failures: number, now: number): boolean {
    if (failures > ALWAYS_TOLD && now - this.#last < TOLD_EVERY) return false;
    this.#last = now;
    this.#isReturnTold = true;
    return true;
  }

  /** A failure is told whatever its number is. */
  tells(): void {
    this.#isReturnTold = true;
  }

  /** Whether the return of the host, which is now, is to be told. */
  shouldTellReturn(): boolean {
    const isTold = this.#isReturnTold;
    this.#isReturnTold = false;
    return isTold;
  }
}
