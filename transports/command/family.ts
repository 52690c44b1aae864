/**
 * A command and all its descendants: the group of processes that a link ends with.
 *
 * ## Theory of Operation
 *
 * A command may be a script, a pipeline, or a program that outlives its parent; a signal
 * to the process that was started reaches only that process. The usual answer, a process
 * group of its own, is not open to us where there is a terminal: Deno makes groups only
 * by `setsid`, which takes the terminal away, and a background group is stopped at its
 * first question on the terminal. An ssh that asks for a password has to work. So:
 *
 * - **Without a terminal** the command gets a session of its own (`detached`). There is
 *   nobody to ask, and the group can be signalled as a whole on every Unix.
 * - **With a terminal** the command stays in our session, and Ctrl-C reaches both, as
 *   for any program that runs ssh.
 * - On Linux its processes are found in either case: by a variable of their environment
 *   ({@linkcode COMMAND_MARK}), which they inherit, however often their parents end, and as
 *   descendants, where a program such as sudo gives its children another environment.
 *
 * A process that made a session of its own chose to live on: ssh's ControlPersist, a
 * keyring's agent, a daemon. Such a process is not ended, but told; but for an agent that
 * outlives its link, which makes one when it is asked to stay.
 *
 * Elsewhere, with a terminal, only the process that was started is ended.
 *
 * @module
 */
import {
  COMMAND_MARK,
  descendantsOf,
  entryNow,
  isRunning,
  type ProcessEntry,
  processes,
  processesNow,
} from "./process_table.ts";
import { hasTerminal } from "./terminal.ts";

/**
 * Milliseconds a look at all processes may hold up an end, if some process is not
 * readable.
 */
const LOOK_LIMIT = 2000;
/** Milliseconds that processes left behind by a command have to end by SIGTERM. */
const REST_TERM = 300;
/** Milliseconds they then have to be gone by SIGKILL. */
const REST_KILL = 300;
/** Milliseconds between two looks at processes that are ending. */
const EVERY = 10;
/**
 * Milliseconds for a process in its own session to end by itself: a shell on a pseudo
 * terminal.
 */
const STRAY_GRACE = 200;

/** The families whose command runs or has left something behind. */
const living = new Set<Family>();

/** A command's processes. */
export class Family {
  readonly #mark = crypto.randomUUID();
  /** How to start the command. */
  readonly spawn: { detached: boolean; env: Record<string, string> };
  #child: Deno.ChildProcess | undefined;
  #hasExited = false;
  #isKilled = false;
  /** Descendants that were seen, whose parent may have ended since. */
  readonly #seen = new Map<number, ProcessEntry>();

  /** Whatever asks somebody is to have a terminal, unless `isMute`. */
  constructor({ isMute = false }: { readonly isMute?: boolean } = {}) {
    const detached = isMute || Deno.build.os !== "windows" && !hasTerminal();
    this.spawn = { detached, env: { [COMMAND_MARK]: this.#mark } };
  }

  /** Takes the process that was started. */
  adopt(child: Deno.ChildProcess): void {
    this.#child = child;
    living.add(this);
    child.status.then(() => this.#hasExited = true);
  }

  /** Sends a signal to all of them; at once to the command and its descendants. */
  async signal(signal: Deno.Signal): Promise<void> {
    this.#isKilled ||= signal === "SIGKILL";
    const near = new Set<number>();
    // Before the signal: whose parent has ended is harder to find.
    for (const entry of descendantsOf(this.#child!.pid)) {
      this.#seen.set(entry.pid, entry);
      if (entry.session === this.#session) near.add(entry.pid);
    }
    this.#signalChild(signal);
    for (const pid of near) kill(pid, signal);
    const { members } = await this.#look();
    for (const { pid } of members) if (!near.has(pid)) kill(pid, signal);
  }

  /**
   * Once the command has ended: ends the processes left behind, within a second, and
   * gives the names of those that live on, such as `sleep (4242)`. With `spares` those in a
   * session of their own are of no interest: one of them is an agent that is to stay.
   */
  async endRest({ spares = false } = {}): Promise<string[]> {
    try {
      if (this.spawn.detached && Deno.build.os !== "linux") await this.#endGroup();
      let { members, strays } = await this.#look();
      for (
        const [signal, limit] of [["SIGTERM", REST_TERM], ["SIGKILL", REST_KILL]] as const
      ) {
        if (members.length === 0) break;
        if (signal === "SIGTERM" && this.#isKilled) continue; // they have had their time
        for (const { pid } of members) kill(pid, signal);
        await gone(members, limit);
        ({ members, strays } = await this.#look()); // some may have started more
      }
      if (spares) strays = [];
      await gone(strays, STRAY_GRACE);
      return [...members, ...strays].filter(isRunning)
        .map(({ name, pid }) => `${name} (${pid})`);
    } finally {
      living.delete(this);
    }
  }

  /** The fallback where processes cannot be seen. */
  async #endGroup(): Promise<void> {
    if (!kill(-this.#child!.pid, this.#isKilled ? "SIGKILL" : "SIGTERM")) return;
    await new Promise((resolve) => setTimeout(resolve, REST_TERM));
    kill(-this.#child!.pid, "SIGKILL");
  }

  /** Kills all of them, without waiting. */
  killNow(table: readonly ProcessEntry[]): void {
    this.#signalChild("SIGKILL");
    for (const { pid } of this.#divide(table).members) kill(pid, "SIGKILL");
  }

  /** That of the command. */
  get #session(): number | undefined {
    return this.spawn.detached ? this.#child!.pid : entryNow(Deno.pid)?.session;
  }

  #signalChild(signal: Deno.Signal): void {
    const child = this.#child!;
    // A group lives as long as its last process; then its number may be another's.
    if (this.spawn.detached && !this.#hasExited) kill(-child.pid, signal);
    try {
      child.kill(signal);
    } catch {
      // The process has exited just now and its status is about to be known.
    }
  }

  async #look(): Promise<Division> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const none = new Promise<readonly ProcessEntry[]>((resolve) =>
      timer = setTimeout(() => resolve([]), LOOK_LIMIT)
    );
    const table = await Promise.race([processes(), none]);
    clearTimeout(timer);
    return this.#divide(table);
  }

  #divide(table: readonly ProcessEntry[]): Division {
    const { pid } = this.#child!;
    const family = new Set([pid]);
    const isMine = ({ mark, session, pid: each, start }: ProcessEntry) =>
      mark === this.#mark || this.spawn.detached && session === pid ||
      this.#seen.get(each)?.start === start;
    for (const entry of table) if (isMine(entry)) family.add(entry.pid);
    // A parent is not always found before its children.
    for (let size = 0; size !== family.size;) {
      size = family.size;
      for (const entry of table) if (family.has(entry.parent)) family.add(entry.pid);
    }
    const session = this.#session;
    const all = table.filter((entry) => family.has(entry.pid) && entry.pid !== pid);
    return {
      members: all.filter((entry) => entry.session === session),
      strays: all.filter((entry) => entry.session !== session),
    };
  }
}

interface Division {
  /** Those in the command's session, without the command. */
  readonly members: readonly ProcessEntry[];
  /** Those in other sessions. */
  readonly strays: readonly ProcessEntry[];
}

/** Kills the processes of all commands, for a program that ends at once. */
export function killFamilies(): void {
  const table = processesNow();
  for (const family of living) family.killNow(table);
}

/** False if the process has ended, or is not ours. */
function kill(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Settles when they are gone, or after so many milliseconds. */
async function gone(entries: readonly ProcessEntry[], limitMs: number): Promise<void> {
  const end = performance.now() + limitMs;
  while (entries.some(isRunning) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}
