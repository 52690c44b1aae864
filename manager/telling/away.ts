/**
 * A host that is away, in words.
 *
 * @module
 */

import { STEADY_AFTER } from "../backoff.ts";
import type { HostAwayEvent } from "../events.ts";
import type { RunningHost } from "../running_host.ts";
import { type Absence, inWords } from "../session.ts";

/** The event of a link that ended, or of an attempt that failed meanwhile. */
export function awayEvent(
  { name, vip, command }: Pick<RunningHost, "name" | "vip" | "command">,
  { attempt, retryIn, left, end, isTold, message, wasUpBetween }: Absence,
): HostAwayEvent {
  const kept = `its agent is kept for ${inWords(left / 1000)}`;
  const again = retryIn === 0
    ? "trying again"
    : `trying again in ${(retryIn / 1000).toFixed(1)} s`;
  const count = attempt === 1
    ? ""
    : wasUpBetween
    ? `, failure ${attempt} without ${STEADY_AFTER / 1000} s up in between`
    : `, failure ${attempt} in a row`;
  return {
    type: "away",
    level: isTold ? "warn" : "debug",
    host: name,
    vip,
    command,
    attempt,
    retryIn,
    left: Math.round(left),
    reason: end.reason,
    ...(end.exit && { exit: end.exit }),
    message: `${message}; ${kept}${count}, ${again}`,
  };
}
