/**
 * A child process as a link: its standard input and output carry the bytes, its standard
 * error is text for the user.
 *
 * The command's descendants end with the command, see `family.ts`. On a terminal Ctrl-C
 * reaches the command too, so a client such as ssh may die of the signal before the
 * manager closes the link; the agent behind it still ends in an orderly way, because its
 * standard input ends.
 *
 * @module
 */
import { basename } from "node:path";
import { watchAsking } from "./asking.ts";
import { descriptorHint, isDescriptorShortage } from "./descriptor_limit.ts";
import { Family } from "./family.ts";
import type { Link, LinkExit, OpenContext } from "../mod.ts";
import { enlargePipes } from "./pipe_size.ts";
import { StderrTail } from "./stderr.ts";
import { messageOf } from "../../wire/text.ts";

/** Milliseconds from SIGTERM to SIGKILL. */
const KILL_AFTER = 1000;
/**
 * Milliseconds for the rest of stderr once the process has ended; its children may hold
 * stderr open.
 */
const STDERR_GRACE = 200;

let timeSpent = 0;

/** Milliseconds that starting commands has held this thread so far, of all that were started. */
export function timeOfStarts(): number {
  return timeSpent;
}

/** The particulars of a process. */
export interface ProcessOptions {
  /** Advice for the user about an end that is not orderly, if there is any. */
  hint?(exit: LinkExit): string | undefined;
}

/**
 * Starts a command and gives its link. The child dies by SIGTERM, then SIGKILL, on abort;
 * left alone, the child ends when its input ends, as every agent does.
 *
 * @param words the program and its arguments; no shell is involved.
 * @throws {Error} if the program cannot be started, saying why.
 */
export function openProcess(
  words: readonly string[],
  context: OpenContext,
  options: ProcessOptions = {},
): Link {
  context.signal.throwIfAborted();
  const [program, ...args] = words;
  const family = new Family();
  const begun = performance.now();
  const child = spawn(program!, { args, ...family.spawn });
  family.adopt(child);
  enlargePipes(child.pid);

  const stopWatching = watchAsking(child.pid, context);
  timeSpent += performance.now() - begun;

  const name = basename(program!);
  const tail = new StderrTail((line) => context.log(line));
  const stderr = child.stderr.getReader();
  const stderrEnd = tail.read(stderr);

  let abortReason: string | undefined;
  let hasExited = false;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const abort = (reason: string) => {
    if (hasExited || abortReason !== undefined) return;
    abortReason = reason;
    family.signal("SIGTERM");
    stopWatching(); // which lets a held command go on
    killTimer = setTimeout(() => family.signal("SIGKILL"), KILL_AFTER);
  };
  const onSignal = () => abort(messageOf(context.signal.reason));
  context.signal.addEventListener("abort", onSignal, { once: true });

  const closed = (async (): Promise<LinkExit> => {
    const { success, code, signal } = await child.status;
    hasExited = true;
    stopWatching();
    clearTimeout(killTimer);
    context.signal.removeEventListener("abort", onSignal);
    const left = await family.endRest({ spares: context.outlives?.() ?? false });
    if (left.length > 0) {
      const what = left.length === 1 ? "a process that goes on" : "processes that go on";
      context.log(
        `warning: ${name} left ${what} in a session of its own: ${left.join(", ")}`,
      );
    }
    const grace = setTimeout(() => stderr.cancel().catch(() => {}), STDERR_GRACE);
    await stderrEnd;
    clearTimeout(grace);
    const how = signal ? `was ended by ${signal}` : `exited with status ${code}`;
    const exit: LinkExit = {
      ok: success && abortReason === undefined,
      ...(signal ? { signal } : { status: code }),
      reason: abortReason ?? `${name} ${how}`,
      stderr: tail.lines,
    };
    const ended = !success && abortReason === undefined;
    const hint = ended ? options.hint?.(exit) : undefined;
    return hint ? { ...exit, hint } : exit;
  })();
  return {
    readable: child.stdout,
    writable: child.stdin,
    releasesChunks: true,
    closed,
    abort,
  };
}

function spawn(program: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      ...options,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    throw new Error(`cannot start ${program}: ${whyNot(program, cause)}`, { cause });
  }
}

function whyNot(program: string, cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) {
    return program.includes("/") ? "no such file" : "no such command on PATH";
  }
  if (cause instanceof Deno.errors.PermissionDenied) return "not allowed to execute it";
  if (isDescriptorShortage(cause)) return descriptorHint();
  return messageOf(cause);
}
