/**
 * Questions of commands on the terminal, as ssh asks for a password: one at a time.
 *
 * ## Theory of Operation
 *
 * Such commands open the terminal by its name, /dev/tty, for as long as they ask. Linux
 * shows that in /proc; on other systems nothing is noticed.
 *
 * Two commands that ask at once would share a line, an input and a setting of the echo:
 * the first to end switches the echo on again while a secret is typed for the other. So
 * while a command has its *turn*, others are *held* (SIGSTOP): those that are known to
 * ask ({@linkcode ASKERS}) before they do so, any other as soon as its question is seen.
 * A turn is over when the command was answered by its host, has ended, or has not asked
 * for {@linkcode PAUSE}; then comes a command that was held while asking, or all that are
 * held go on.
 *
 * **The question is asked anew** at the begin of a turn, below the line that names its
 * host: SIGTSTP has ssh and sudo put the terminal back, stop, and ask again once they are
 * continued. Where a session has no shell to continue them they ask again at once. Others
 * just go on.
 *
 * **The echo** is off before a question goes on that met another for a secret, and
 * restored to the user's setting when no question is left: of two questions at once, the
 * later took the other's setting for the user's.
 *
 * **Limits.** A command may ask for {@linkcode MOST_ASKING} in all, and is watched until
 * quiet for {@linkcode MOST_QUIET}. The hosts' time to answer stands still for all of
 * them.
 *
 * @module
 */

import type { OpenContext } from "../mod.ts";
import { echo } from "./echo.ts";
import { descendantsOf, entryNow } from "./process_table.ts";
import { hasTerminal } from "./terminal.ts";

/** Milliseconds between two looks, if they take little of them. */
const EVERY = 50;
/** Looks take this part of the time at most: a mesh may start hundreds of commands. */
const SHARE = 1 / 20;
/** Milliseconds that a command may ask in all; sshd gives two minutes, too. */
const MOST_ASKING = 120_000;
/** Milliseconds without a question after which no more is expected. */
const MOST_QUIET = 60_000;
/** Milliseconds between two questions of a turn: a passphrase that was wrong is asked for anew. */
const PAUSE = 1000;
/** Processes that are looked at; ssh has another for each jump host. */
const MOST_PROCESSES = 16;
/** Milliseconds to write the line that names the host of a question. */
const TELLING = 80;
/** Milliseconds for a program to put the terminal back before being continued. */
const STOPPING = 40;
/** Milliseconds between two times that a host's time to answer begins anew. */
const ALIVE = 250;
/** Programs that ask on the terminal, if they have to. */
const ASKERS = new Set(["ssh", "sudo", "doas", "su"]);

/** A command that may ask. */
interface Command {
  readonly pid: number;
  readonly context: OpenContext;
  asked: number;
  quiet: number;
  /** Stopped until its turn: before asking, or while asking. */
  held: "before" | "asking" | undefined;
}

/** The findings in a command's processes. */
interface Look {
  /** The process that has the terminal open. */
  readonly asker: number | undefined;
  /** Whether a process is of a program that may ask. */
  readonly mayAsk: boolean;
}

const commands = new Set<Command>();
let turn: Command | undefined;
/** Milliseconds since the command in turn was last seen to ask. */
let paused = 0;
/** Whether questions met, any of them for a secret. */
let isSecret = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let lastLook = 0;
let lastAlive = 0;

/**
 * Watches a command until its host answers, see {@linkcode OpenContext.answered}. Returns
 * the function that ends the watch, which also continues a held command.
 */
export function watchAsking(pid: number, context: OpenContext): () => void {
  if (Deno.build.os !== "linux" || !hasTerminal()) return () => {};
  const command: Command = { pid, context, asked: 0, quiet: 0, held: undefined };
  if (commands.size === 0) {
    lastLook = performance.now();
    echo.learn();
  }
  commands.add(command);
  timer ??= setTimeout(look, EVERY);
  const end = () => leave(command);
  context.answered?.then(end);
  return end;
}

function look(): void {
  const begun = performance.now();
  const passed = begun - lastLook;
  lastLook = begun;
  const looks = new Map([...commands].map((each) => [each, lookAt(each.pid)]));
  const asking = [...commands].filter((each) => looks.get(each)!.asker !== undefined);
  for (const each of commands) {
    const isAsking = asking.includes(each);
    if (isAsking && each === turn) each.asked += passed;
    each.quiet = isAsking || each.held ? 0 : each.quiet + passed;
    if (each.asked >= MOST_ASKING || each.quiet >= MOST_QUIET) leave(each);
  }
  const free = asking.filter((each) => commands.has(each) && !each.held);
  if (turn) {
    paused = free.includes(turn) ? 0 : paused + passed;
    if (paused >= PAUSE) endTurn();
  }
  if (turn) {
    if (holdOthers(looks)) askAnew(turn); // two questions share a line
  } else if (free.length > 0) {
    turn = free[0]!;
    paused = 0;
    holdOthers(looks);
    askAnew(turn);
  }
  if (begun - lastAlive >= ALIVE) {
    lastAlive = begun;
    for (const each of commands) {
      if (each === turn && paused === 0 || each.held) each.context.alive?.();
    }
  }
  timer = undefined;
  if (commands.size === 0) return;
  const took = performance.now() - begun;
  timer = setTimeout(look, Math.max(EVERY, took / SHARE));
}

/** Holds the other commands that may ask; true if any of them asks already. */
function holdOthers(looks: ReadonlyMap<Command, Look>): boolean {
  let met = false;
  for (const each of commands) {
    const { asker, mayAsk } = looks.get(each) ?? lookAt(each.pid);
    if (each === turn || each.held || !mayAsk && asker === undefined) continue;
    each.held = asker === undefined ? "before" : "asking";
    signal(each, "SIGSTOP");
    met ||= asker !== undefined;
  }
  if (met) isSecret ||= echo.isOff();
  return met;
}

/** Names the host of the question, and has the question asked below. */
function askAnew(command: Command): void {
  const { asker } = lookAt(command.pid);
  if (asker === undefined) return;
  send(asker, "SIGSTOP");
  command.context.asking?.(true);
  setTimeout(() => {
    if (isSecret) echo.off();
    goOn(command);
    send(asker, "SIGCONT");
    send(asker, "SIGTSTP");
    setTimeout(() => send(asker, "SIGCONT"), STOPPING);
  }, TELLING);
}

function endTurn(): void {
  const last = turn;
  turn = undefined;
  last?.context.asking?.(false);
  for (const each of commands) {
    if (each.held !== "asking") continue;
    turn = each;
    paused = 0;
    return askAnew(each);
  }
  echo.restore();
  isSecret = false;
  for (const each of commands) goOn(each);
}

function goOn(command: Command): void {
  if (!command.held) return;
  command.held = undefined;
  signal(command, "SIGCONT");
}

function leave(command: Command): void {
  if (!commands.delete(command)) return;
  goOn(command);
  if (command === turn) endTurn();
  if (commands.size > 0) return;
  clearTimeout(timer);
  timer = undefined;
}

/** Looks at a process and its descendants. */
function lookAt(pid: number): Look {
  const pids = [pid];
  let mayAsk = false;
  for (const each of pids) {
    mayAsk ||= ASKERS.has(entryNow(each)?.name ?? "");
    try {
      for (const { name } of Deno.readDirSync(`/proc/${each}/fd`)) {
        if (linkOf(`/proc/${each}/fd/${name}`) === "/dev/tty") {
          return { asker: each, mayAsk: true };
        }
      }
      const children = Deno.readTextFileSync(`/proc/${each}/task/${each}/children`);
      pids.push(...children.split(" ").filter(Boolean).map(Number));
    } catch { /* has ended, or is somebody else's, as sudo is */ }
    pids.length = Math.min(pids.length, MOST_PROCESSES);
  }
  return { asker: undefined, mayAsk };
}

/** Signals a command and its descendants. */
function signal({ pid }: Command, what: Deno.Signal): void {
  for (const each of [pid, ...descendantsOf(pid).map(({ pid }) => pid)]) send(each, what);
}

function send(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch { /* ended already */ }
}

function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined; // closed since
  }
}
