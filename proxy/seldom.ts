/**
 * Warnings that strangers can bring about as often as they like.
 *
 * @module
 */

/** One warning in so much time. */
const EVERY_MS = 10_000;

/**
 * Passes one warning in ten seconds on to `warn`; the next one says how many were left out
 * before it. `now` gives milliseconds.
 */
export function seldom(
  warn: (message: string) => void,
  now: () => number = () => performance.now(),
): (message: string) => void {
  let last = -Infinity;
  let left = 0;
  return (message) => {
    const at = now();
    if (at - last < EVERY_MS) {
      left++;
      return;
    }
    last = at;
    const others = left > 0 ? ` (${left} warnings of this kind were left out)` : "";
    left = 0;
    warn(message + others);
  };
}
