/**
 * Asks a program of this machine: a command that ends in time, prints a
 * bounded amount, and can ask nobody for a password.
 *
 * @module
 */
import * as v from "valibot";
import { explainingLines } from "../../transports/command/explaining.ts";
import { Family } from "../../transports/command/family.ts";
import { StderrTail } from "../../transports/command/stderr.ts";
import { parseShallow } from "../../wire/json_depth.ts";
import { SourceError } from "./source.ts";
import { messageOf } from "../../wire/text.ts";

/** The most that is read, in bytes; thousands of pods are some ten million. */
const LIMIT = 64 << 20;
/** Depth of JSON that is read; ten are usual, some metadata has more. */
const MOST_DEPTH = 200;
/** Characters of a failed command's last words that are shown. */
const SHOWN = 300;
/** Ids behind a command; systems have a limit for all arguments together. */
export const MOST_ARGUMENTS = 500;

/**
 * Runs a command and gives its output.
 *
 * @throws {SourceError} if the program is not installed, fails, prints too much, or the
 * signal came first.
 */
export async function ask(
  words: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  if (signal.aborted) throw new SourceError(reasonOf(signal));
  const [program = "", ...args] = words;
  // A session of its own, without our terminal: an ssh or a login helper behind the
  // program finds nobody there to ask, and so fails.
  const family = new Family({ isMute: true });
  const child = start(program, { args, ...family.spawn });
  family.adopt(child);
  const stdout = child.stdout.getReader();
  const stderr = child.stderr.getReader();
  let stopped: string | undefined;
  const stop = (reason: string) => {
    stopped ??= reason;
    family.signal("SIGKILL");
    // Also if a process left behind in a session of its own holds them open.
    for (const reader of [stdout, stderr]) reader.cancel().catch(() => {});
  };
  const onSignal = () => stop(reasonOf(signal));
  signal.addEventListener("abort", onSignal, { once: true });
  const tail = new StderrTail(() => {});
  const [output, status] = await Promise.all([
    readAll(stdout, () => stop(`it printed more than ${LIMIT >> 20} MiB`)),
    child.status.then(async (status) => {
      await family.endRest();
      return status;
    }),
    tail.read(stderr),
  ]);
  signal.removeEventListener("abort", onSignal);
  if (stopped !== undefined) throw new SourceError(stopped);
  if (!status.success) {
    const how = status.signal
      ? `was ended by ${status.signal}`
      : `exited with status ${status.code}`;
    throw new SourceError(lastWords(tail.lines) || `${program} ${how} and said nothing`);
  }
  return output;
}

function start(program: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      ...options,
      env: { ...options.env, SSH_ASKPASS_REQUIRE: "never" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new SourceError("not installed", "missing");
    }
    const why = cause instanceof Deno.errors.PermissionDenied
      ? "not allowed to execute it"
      : (cause as Error).message;
    throw new SourceError(`cannot start ${program}: ${why}`);
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onExcess: () => void,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let result; !(result = await reader.read()).done;) {
    length += result.value.length;
    if (length > LIMIT) {
      onExcess();
      break;
    }
    chunks.push(result.value);
  }
  return await new Blob(chunks as BlobPart[]).text();
}

/** The words that explain the failure; before them come warnings and attempts. */
function lastWords(lines: readonly string[]): string {
  const line = explainingLines(lines.filter((line) => line.trim() !== "")).at(-1) ?? "";
  const text = line.trim().replace(/^error: +/i, "");
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function reasonOf({ reason }: AbortSignal): string {
  return messageOf(reason);
}

/**
 * Reads a program's output as JSON.
 *
 * @throws {SourceError} if the output is not JSON, or not of this shape.
 */
export function readJson<S extends v.GenericSchema>(
  text: string,
  schema: S,
): v.InferOutput<S> {
  let value: unknown;
  try {
    value = parseShallow(text, MOST_DEPTH);
  } catch {
    const begin = text.trim().slice(0, 60);
    throw new SourceError(`its answer is not JSON: ${JSON.stringify(begin)}`);
  }
  const { success, output, issues } = v.safeParse(schema, value);
  if (success) return output;
  const [issue] = issues;
  const path = v.getDotPath(issue) ?? "the whole";
  throw new SourceError(
    `its answer has an unknown form: ${path}: expected ${issue.expected}, got ${issue.received}`,
  );
}
