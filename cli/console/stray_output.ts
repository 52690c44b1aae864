/**
 * Output of libraries and plug-ins by `console`: takes the same way as our own lines, for
 * Deno's own `console` waits for a stopped terminal, throws where the disk is full, and
 * in an agent would write between frames.
 *
 * @module
 */

const METHODS = ["log", "info", "debug", "warn", "error"] as const;

/** Gives `take` that output, a line or several, until further notice. */
export function redirectConsole(take: (text: string) => void): void {
  const say = (...values: unknown[]) =>
    take(
      values.map((value) => typeof value === "string" ? value : Deno.inspect(value)).join(
        " ",
      ),
    );
  for (const method of METHODS) console[method] = say;
}
