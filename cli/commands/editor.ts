/**
 * The user's editor: finding the program, and opening a file.
 *
 *   $VISUAL, $EDITOR         a program, perhaps with arguments: "code --wait"
 *   editor, vim, vi, emacs   the first of them on PATH
 *   notepad.exe              on Windows, after these
 *
 * @module
 */
import { basename, delimiter, join } from "node:path";
import { split } from "shlex";

const VARIABLES = ["VISUAL", "EDITOR"];
const PROGRAMS = ["editor", "vim", "vi", "emacs"];

/** Where to look for an editor; for tests. */
export interface EditorSurroundings {
  /** A variable of the environment. */
  readonly env: (name: string) => string | undefined;
  /** The path of a program, given as a path or to be found on PATH. */
  readonly find: (program: string) => string | undefined;
  /** Whether this is Windows. */
  readonly isWindows: boolean;
}

const SYSTEM: EditorSurroundings = {
  env: (name) => Deno.env.get(name),
  find: findProgram,
  isWindows: Deno.build.os === "windows",
};

/** An editor. */
export interface Editor {
  /** Its name in messages: `vim`, `code --wait`. */
  readonly name: string;
  /** The path of its program. */
  readonly program: string;
  /** Program and arguments before the file's name. */
  readonly args: readonly string[];
}

/** The result of a search for an editor. */
export interface Found {
  /** Undefined if there is none. */
  readonly editor: Editor | undefined;
  /** Variables that name an editor which cannot be used. */
  readonly warnings: readonly string[];
}

/** Looks for the user's editor: the first that is there. */
export function findEditor(from: EditorSurroundings = SYSTEM): Found {
  const warnings: string[] = [];
  for (const variable of VARIABLES) {
    const value = from.env(variable)?.trim();
    if (!value) continue;
    const editor = editorOf(value, from);
    if (typeof editor !== "string") return { editor, warnings };
    warnings.push(`$${variable} is ${JSON.stringify(value)}: ${editor}`);
  }
  for (const name of from.isWindows ? [...PROGRAMS, "notepad.exe"] : PROGRAMS) {
    const program = from.find(name);
    if (program) return { editor: { name, program, args: [] }, warnings };
  }
  return { editor: undefined, warnings };
}

/** The Ctrl-C that ended an editor may reach this program so much later than its end. */
const LATE_SIGNAL_MS = 200;

/** Said if nothing was found. */
export const NO_EDITOR = `No editor was found; set $EDITOR to one, "nano" for example`;

/** The editor that a variable names, or why there is none. */
function editorOf(value: string, from: EditorSurroundings): Editor | string {
  // "C:\Program Files\x.exe" is a program, although words are split elsewhere.
  const whole = from.find(value);
  if (whole) return { name: basename(value), program: whole, args: [] };
  let words: string[];
  try {
    words = split(value);
  } catch (error) {
    return (error as Error).message;
  }
  const [first = "", ...args] = words;
  const program = from.find(first);
  if (!program) return `there is no program ${JSON.stringify(first)}`;
  return { name: [basename(first), ...args].join(" "), program, args };
}

/**
 * Opens a file in an editor and waits until the editor ends. The editor has the terminal,
 * and Ctrl-C is its business.
 *
 * @throws {Error} if the editor cannot be started or fails.
 */
export async function openEditor(editor: Editor, path: string): Promise<void> {
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const status = await start(editor, path).status;
    await new Promise((resolve) => setTimeout(resolve, LATE_SIGNAL_MS));
    if (status.success) return;
    const how = status.signal
      ? `was ended by ${status.signal}`
      : `exited with status ${status.code}`;
    throw new Error(`The editor ${JSON.stringify(editor.name)} ${how}`);
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}

function start({ name, program, args }: Editor, path: string): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      args: [...args, path],
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(`Cannot start the editor ${JSON.stringify(name)}: ${reason}`, {
      cause,
    });
  }
}

function findProgram(program: string): string | undefined {
  const isWindows = Deno.build.os === "windows";
  const endings = isWindows
    ? ["", ...(Deno.env.get("PATHEXT") ?? ".EXE;.CMD;.BAT").split(";")]
    : [""];
  const isPath = program.includes("/") || isWindows && program.includes("\\");
  const folders = isPath ? [""] : (Deno.env.get("PATH") ?? "").split(delimiter);
  for (const folder of folders) {
    for (const ending of endings) {
      const path = (isPath ? program : join(folder || ".", program)) + ending;
      if (isExecutable(path)) return isPath || folder ? path : `./${path}`;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (Deno.build.os === "windows" || (mode! & 0o111) !== 0);
  } catch {
    return false;
  }
}
