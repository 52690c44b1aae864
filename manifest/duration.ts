/**
 * Lengths of time: a number of seconds, or numbers with units.
 *
 *   20        20 seconds
 *   1.5       1.5 seconds
 *   "20s"     20 seconds
 *   "500ms"   half a second
 *   "1m30s"   90 seconds
 *   "2h"      two hours
 *   "20 s"    no: no spaces
 *   "0s", -1  no: a limit that nothing can keep
 *   "fast"    no
 *
 * duration_test.ts has the same table.
 *
 * @module
 */
import { quote } from "./source/value.ts";

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The longest limit that makes sense; far below what timers can count (2^31 ms). */
const MAX_HOURS = 24;

/** Reads a length of time in milliseconds; gives the fault of a wrong text. */
export function parseDuration(text: string): number | string {
  const not = `${quote(text)} is not a length of time`;
  let total = 0;
  if (/^\d+(\.\d+)?$/.test(text)) {
    total = Number(text) * 1000;
  } else if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) {
      total += Number(amount) * MILLISECONDS[unit!]!;
    }
  } else {
    const why = /^-\s*[\d.]/.test(text) ? ", for it is negative" : "";
    return `${not}${why}; wanted seconds, or numbers with units, like "20s" or "500ms"`;
  }
  if (total < 1) return `${not} to wait; wanted 1ms or more`;
  if (total > MAX_HOURS * MILLISECONDS.h!) return `${not} to wait; wanted 24h or less`;
  return Math.round(total);
}
