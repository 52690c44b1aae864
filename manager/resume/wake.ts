/**
 * Wake: notices that a machine slept, or that this process was stopped, for then waits of
 * before make no sense any more.
 *
 * @module
 */

import type { Clock } from "../../link/clock.ts";

/** Milliseconds between two looks at the clocks: how soon a jump is noticed. */
const LOOK_EVERY = 1000;
/** Milliseconds by which a clock has to jump to count. */
const JUMP = 5000;

/**
 * Calls `woke` after each jump: the wall clock went on for longer than the clock that stands
 * still in a sleep, or a look was late. The function returned ends the watch.
 */
export function watchJumps(clock: Clock, woke: () => void): () => void {
  let [now, wall] = [clock.now(), clock.wall()];
  let cancel: () => void;
  const look = () => {
    const gone = Math.max(clock.now() - now, clock.wall() - wall);
    [now, wall] = [clock.now(), clock.wall()];
    cancel = clock.after(LOOK_EVERY, look);
    if (gone > LOOK_EVERY + JUMP) woke();
  };
  cancel = clock.after(LOOK_EVERY, look);
  return () => cancel();
}
