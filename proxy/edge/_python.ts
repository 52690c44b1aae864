/**
 * Whether tests can ask Python for sockets of a kind that Deno does not give.
 *
 * @module
 */

/** Whether there is a Python 3. */
export function hasPython(): boolean {
  try {
    return new Deno.Command("python3", { args: ["-c", ""] }).outputSync().success;
  } catch {
    return false;
  }
}
