/**
 * `norouter -e FILE`: write a manifest in an editor, start its mesh, and go back to the
 * editor after a failure.
 *
 *   no FILE                         a temporary file, kept if anything was saved
 *   FILE is not there               a new file that begins as the example
 *   the example was not saved       nothing is started and nothing stays behind
 *   the manifest is wrong, no host
 *   became ready, or the user ended
 *   a mesh that lacks some hosts    the error, then the editor again after Enter
 *
 * Without a terminal nobody can be asked, and a failure is the end.
 *
 * @module
 */
import { stderr } from "../console/console.ts";
import { type Editor, findEditor, NO_EDITOR, openEditor } from "./editor.ts";
import { EXAMPLE } from "./example.ts";
import { fail } from "../failure.ts";
import { type Log, openLog } from "../console/log.ts";
import type { GlobalOptions } from "../options.ts";
import { stopSignals } from "../stop.ts";
import { type Outcome, runMesh } from "./up.ts";

/** Who is back after this time has read nothing. */
const INSTANT_MS = 1000;
const UNTOUCHED = "The example was not saved as a manifest, so no mesh is started";
const INSTANT = `. An editor that returns at once has to be told to wait, for example ` +
  `EDITOR="code --wait"`;

/**
 * Edits a manifest, runs its mesh, and gives the exit status; see {@linkcode runMesh}.
 */
export async function edit(
  file: string | undefined,
  options: GlobalOptions,
): Promise<number> {
  const log = openLog(options);
  const { editor, warnings } = findEditor();
  for (const message of warnings) log.event({ level: "warn", type: "editor", message });
  if (!editor) return fail(new Error(NO_EDITOR), options);
  const { path, isNew } = await prepare(file);
  return await session({ path, isNew, isTemporary: !file, editor, log, options });
}

interface Manuscript {
  readonly path: string;
  /** Whether the file is new, made from the example. */
  readonly isNew: boolean;
}

async function prepare(file: string | undefined): Promise<Manuscript> {
  const path = file ?? await Deno.makeTempFile({ prefix: "norouter-", suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, EXAMPLE, { createNew: file !== undefined });
    return { path, isNew: true };
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return { path, isNew: false };
    const reason = cause instanceof Deno.errors.NotFound
      ? "its folder does not exist"
      : (cause as Error).message;
    throw new Error(`Cannot make the manifest ${path}: ${reason}`, { cause });
  }
}

interface SessionOptions extends Manuscript {
  readonly isTemporary: boolean;
  readonly editor: Editor;
  readonly log: Log;
  readonly options: GlobalOptions;
}

async function session(
  { path, isNew, isTemporary, editor, log, options }: SessionOptions,
): Promise<number> {
  const tell = (message: string) => log.event({ level: "info", type: "editor", message });
  const isAttended = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  let isUntouched = isNew;
  for (;;) {
    const before = await stateOf(path);
    const opened = performance.now();
    tell(`Editing ${path} with ${editor.name}`);
    let problem: unknown;
    await stderr.flush();
    await openEditor(editor, path).catch((error) => problem = error);
    isUntouched &&= await stateOf(path) === before;
    if (isUntouched) {
      await Deno.remove(path).catch(() => {});
      if (problem) return fail(problem, options);
      const isInstant = performance.now() - opened < INSTANT_MS;
      tell(UNTOUCHED + (isInstant ? INSTANT : ""));
      return 0;
    }
    const kept = () => {
      if (isTemporary) tell(`The manifest is kept; to go on: norouter -e ${path}`);
    };
    // A way to leave without an attempt: ":cq" in vim.
    if (problem) {
      kept();
      return fail(problem, options);
    }
    const { status, isComplete, signal } = await attempt(path, options, isAttended);
    const isFailure = !isComplete && (signal === undefined || signal === "SIGINT");
    if (isFailure && isAttended && await isWantedAgain(tell)) continue;
    kept();
    return status;
  }
}

async function attempt(
  path: string,
  options: GlobalOptions,
  isAttended: boolean,
): Promise<Outcome> {
  try {
    return await runMesh(path, options, {
      endWithoutHosts: true,
      ...(isAttended && { advice: "Ctrl-C ends the mesh, to edit the manifest again" }),
    });
  } catch (error) {
    return { status: fail(error, options), isComplete: false };
  }
}

/** Differs after the file was saved, even with the same text. */
async function stateOf(path: string): Promise<string> {
  try {
    const [{ mtime, ino }, text] = await Promise.all([
      Deno.stat(path),
      Deno.readTextFile(path),
    ]);
    return JSON.stringify([mtime?.getTime(), ino, text]);
  } catch (error) {
    return String(error); // the fault is told when the manifest is loaded
  }
}

/** Asks the user, who has all the time in the world. */
async function isWantedAgain(tell: (message: string) => void): Promise<boolean> {
  using stop = stopSignals();
  tell("Press Enter to open the editor again, Ctrl-C to give up");
  return await Promise.race([enterPressed(), stop.asked.then(() => false)]);
}

/** False at the end of input. */
async function enterPressed(): Promise<boolean> {
  const buffer = new Uint8Array(256);
  try {
    for (;;) {
      const count = await Deno.stdin.read(buffer);
      if (count === null) return false;
      if (buffer.subarray(0, count).some((byte) => byte === 10 || byte === 13)) {
        return true;
      }
    }
  } catch {
    return false; // the terminal went away
  }
}
