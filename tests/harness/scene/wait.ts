/**
 * Waiting for a condition, with a limit; no test sleeps and hopes.
 *
 * @module
 */

/** Limit of a wait unless told otherwise: generous, because CI machines are slow. */
export const DEFAULT_LIMIT_MS = 20_000;

export interface UntilOptions {
  /** Milliseconds after which the wait fails; {@linkcode DEFAULT_LIMIT_MS} by default. */
  readonly limitMs?: number;
  /** Milliseconds between two looks at the condition; 20 by default. */
  readonly everyMs?: number;
}

/** A pause between two looks at something; never a substitute for a condition. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Looks at `condition` until the result is truthy, and gives that back.
 * The last look is always made after the limit, so a machine that froze in between
 * does not fail a test whose condition has long been met.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  { limitMs = DEFAULT_LIMIT_MS, everyMs = 20 }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const last = performance.now() >= end;
    const value = await condition();
    if (value) return value;
    if (last) throw new Error(`Waited ${limitMs / 1000} s in vain for ${what}`);
    await pause(everyMs);
  }
}

/** `promise`, or an error naming `what` once the limit has passed. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  limitMs: number = DEFAULT_LIMIT_MS,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Waited ${limitMs / 1000} s in vain for ${what}`)),
    limitMs,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
