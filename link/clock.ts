/**
 * Time and chance as the manager sees them, so that tests need not wait.
 *
 * @module
 */

import { systemPace } from "./pace.ts";
import type { Pace } from "../wire/turn.ts";

/** The system's clocks and random source, as far as the manager needs them. */
export interface Clock {
  /** Milliseconds that never jump; they stand still while the machine sleeps. */
  now(): number;
  /** Milliseconds of the wall clock, which go on while the machine sleeps. */
  wall(): number;
  /** Calls `run` once after `ms` milliseconds; the function returned cancels the call. */
  after(ms: number, run: () => void): () => void;
  /** A number from 0 up to but not 1. */
  random(): number;
  /**
   * Settles in a later round of the event loop, after all ready work had its turn.
   * Default: the system's pace.
   */
  rest?(): Promise<void>;
}

/** The system's own. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** The pace of work under a clock. */
export function paceOf(clock: Clock): Pace {
  return {
    now: () => clock.now(),
    rest: () => clock.rest?.() ?? systemPace.rest(),
  };
}

/** The promise's value, or undefined after a rejection or after `ms` milliseconds. */
export async function within<T>(
  promise: Promise<T>,
  { ms, clock }: { readonly ms: number; readonly clock: Clock },
): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const cancel = clock.after(ms, () => resolve(undefined));
  try {
    return await Promise.race([promise.catch(() => undefined), late]);
  } finally {
    cancel();
  }
}
