/**
 * Whether a command that wants to ask something, such as ssh for a password, finds
 * somebody to answer.
 *
 * @module
 */

/**
 * True if this process has a terminal of its own to ask on. Standard input need not be a
 * terminal, because such commands open the terminal by its name.
 */
export function hasTerminal(): boolean {
  if (Deno.build.os === "windows") return Deno.stdin.isTerminal();
  try {
    Deno.openSync("/dev/tty", { read: true, write: true }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return Deno.stdin.isTerminal();
    return false;
  }
}
