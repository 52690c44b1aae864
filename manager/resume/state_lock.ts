/**
 * The lock of a state file: a manager that used the file of another would take its agents.
 *
 * It is a file beside the state file with the number and the start time of the manager. A
 * manager that was killed leaves it, and the next one sees that nobody is there.
 *
 * @module
 */

import { kill } from "node:process";
import { startOf } from "../../agent/keeper/processes.ts";
import { messageOf } from "../../wire/text.ts";

/** Attempts to make the file: each other one has to find one that a dead process left. */
const ATTEMPTS = 3;
/** Only for its owner. */
const MODE = 0o600;

/** A state file that is this manager's, until {@linkcode StateLock.release}. */
export class StateLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes the state file at `path`, which need not be there.
   *
   * @throws {Error} if a process uses it, or the lock cannot be made.
   */
  static take(path: string): StateLock {
    const beside = `${path}.lock`;
    const own = new TextEncoder().encode(`${Deno.pid} ${startOf("self") ?? "-"}\n`);
    for (let attempt = 1;; attempt++) {
      try {
        using file = Deno.openSync(beside, { createNew: true, write: true, mode: MODE });
        file.writeSync(own);
        return new StateLock(beside);
      } catch (cause) {
        const isTaken = cause instanceof Deno.errors.AlreadyExists;
        if (!isTaken || attempt === ATTEMPTS) {
          const message = `Cannot lock the state file ${path}: ${messageOf(cause)}`;
          throw new Error(message, { cause });
        }
        const holder = holderOf(beside);
        if (holder !== undefined) {
          throw new Error(
            `Cannot use the state file ${path}: process ${holder} uses it. If that is no ` +
              `manager, remove ${beside}`,
          );
        }
        takeAway(beside);
      }
    }
  }

  /** Others may use the file. */
  release(): void {
    remove(this.#path);
  }
}

/** The process that holds a lock, if it runs. */
function holderOf(path: string): number | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    return undefined; // let go just now
  }
  const [, pid, start] = /^(\d{1,10}) (\d+|-)\n$/.exec(text) ?? [];
  if (pid === undefined) return undefined; // killed before it could say who it is
  if (start !== "-") return startOf(Number(pid)) === start ? Number(pid) : undefined;
  try {
    kill(Number(pid), 0); // asks only whether it is there
    return Number(pid);
  } catch {
    return undefined;
  }
}

/** Removes a lock whose process is gone, unless another manager has just put its own there. */
function takeAway(path: string): void {
  const aside = `${path}.${Deno.pid}`;
  try {
    Deno.renameSync(path, aside);
    if (holderOf(aside) !== undefined) Deno.linkSync(aside, path);
  } catch {
    // Another manager was first.
  }
  remove(aside);
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Another manager was first.
  }
}
