/**
 * Time and rounds of the event loop, as the system has them.
 *
 * A round lets timers and work known to be ready go on, in some two microseconds
 * (`setTimeout` would take a millisecond or two). A round does not poll the system for
 * new events: while any task wants to run, the runtime that Deno is built on polls only
 * every 61st time. So once in a while all who rest do so together for that many rounds.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Pace } from "../wire/turn.ts";

/** Rounds after which the system was asked (tokio's `event_interval` + 1). */
const ROUNDS = 62;
/** Milliseconds after which the system has to be asked again. */
const ASK_EVERY = 6;

let askedAt = -Infinity;
let asking: Promise<void> | undefined;

/** The system's own. */
export const systemPace: Pace = {
  now: () => performance.now(),
  rest() {
    if (asking !== undefined) return asking;
    if (performance.now() - askedAt < ASK_EVERY) return rounds(1);
    return asking = rounds(ROUNDS).then(() => {
      asking = undefined;
      askedAt = performance.now();
    });
  },
};

/** Settles so many rounds later. */
function rounds(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = () => void (count-- > 0 ? setImmediate(next) : resolve());
    next();
  });
}
