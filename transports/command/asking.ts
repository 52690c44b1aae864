/**
 * Notices that a command asks something on the terminal, as ssh does for a password, so
 * that the host's time to answer does not go by while somebody types.
 *
 * Such commands open the terminal by its name, /dev/tty, for as long as they ask. Linux
 * shows that in /proc; on other systems nothing is noticed.
 *
 * @module
 */
import { hasTerminal } from "./terminal.ts";

/** Milliseconds between two looks. */
const EVERY = 1000;
/** Milliseconds that a command may ask in all; sshd gives two minutes, too. */
const MOST_ASKING = 120_000;
/** Milliseconds without a question after which no more is expected. */
const MOST_QUIET = 60_000;
/** Processes that are looked at; ssh has another for each jump host. */
const MOST_PROCESSES = 16;

/**
 * Calls `alive` while the process, or a child of it, asks. Gives the function that ends
 * that.
 */
export function watchAsking(pid: number, alive: () => void): () => void {
  if (Deno.build.os !== "linux" || !hasTerminal()) return () => {};
  let asked = 0;
  let quiet = 0;
  const timer = setInterval(() => {
    if (isAsking(pid)) {
      asked += EVERY;
      quiet = 0;
      alive();
    } else quiet += EVERY;
    if (asked >= MOST_ASKING || quiet >= MOST_QUIET) clearInterval(timer);
  }, EVERY);
  return () => clearInterval(timer);
}

/** Whether the process, or a child of it, has the terminal open by its name. */
export function isAsking(pid: number): boolean {
  const pids = [pid];
  for (const each of pids) {
    try {
      for (const { name } of Deno.readDirSync(`/proc/${each}/fd`)) {
        if (linkOf(`/proc/${each}/fd/${name}`) === "/dev/tty") return true;
      }
      const children = Deno.readTextFileSync(`/proc/${each}/task/${each}/children`);
      pids.push(...children.split(" ").filter(Boolean).map(Number));
    } catch { /* it has ended, or is somebody else's, as sudo is */ }
    pids.length = Math.min(pids.length, MOST_PROCESSES);
  }
  return false;
}

function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined; // closed since
  }
}
