/**
 * What runs on a host to find the agent there, or to put it there, in one command of a shell.
 *
 * It speaks lines on standard output, each with {@linkcode MARK} in front, for a login may say
 * something first:
 *
 * ```text
 * ← norouter-install start PATH            the agent is there, and speaks from here on
 * ← norouter-install want Linux x86_64 -   it is not; the last word is deno's version or -
 * → KIND BYTES SHA256 NAME                 what follows: an `agent`, or an `app` for deno
 * ← norouter-install send                  it can be written; now the bytes
 * ← norouter-install start PATH            as above
 * ← norouter-install fail REASON           at any point, and the end
 * ```
 *
 * What is kept in the folder: `agent-NAME`, the file; `app-VERSION-NAME`, the program for that
 * version of deno; and while one of them is on its way, `part-PROCESS.MACHINE`. Both get their
 * name when they are complete. A crash of the machine may cut them all the same, or somebody
 * tidy up a part, so the name ends with a number to compare: of bytes, or of files.
 *
 * It needs a POSIX shell with `cat`, `chmod`, `head`, `mkdir`, `mv`, `rm`, `wc`; and
 * `sha256sum` or its like, `df`, `find`, `id`, `uname`, if they are there.
 */

import source from "./script.sh" with { type: "text" };

/** Begins each line that the script says to the manager. */
export const MARK = "norouter-install";

/** The parameters of the script, in order. */
export interface ScriptOptions {
  /** Names of the file for Linux on x64 and on arm64, and of the pack for deno, if there. */
  readonly x64?: string | undefined;
  readonly arm64?: string | undefined;
  readonly pack?: string | undefined;
  /** The folder to keep it in; some usual ones if absent. */
  readonly path?: string | undefined;
  /** Whether one that is there already is not good enough. */
  readonly always: boolean;
}

/** Unpacks what `release/portable.ts` calls a pack. */
export const UNPACK = [
  `const [pack, folder] = Deno.args;`,
  `const bytes = Deno.readFileSync(pack);`,
  `const length = new DataView(bytes.buffer).getUint32(0);`,
  `let at = 4 + length;`,
  `for (const [name, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(4, at)))) {`,
  `const path = folder + "/" + name;`,
  `Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });`,
  `Deno.writeFileSync(path, bytes.subarray(at, at += size)); }`,
].join(" ");

/**
 * A script as one line without comments, so that any login shell hands it on as it is: in
 * single quotes, a csh takes no line break, not even there an exclamation mark, and fish no
 * two backslashes.
 */
function oneLine(script: string): string {
  let line = "";
  for (const each of script.split("\n").map((each) => each.trim())) {
    if (each === "" || each.startsWith("#")) continue;
    if (line !== "") line += /(\b(then|do|else|in)|;;|[{(])$/.test(line) ? " " : "; ";
    line += each;
  }
  return line;
}

/** The words that run the script on a host. */
export function scriptWords(options: ScriptOptions): string[] {
  const { x64 = "", arm64 = "", pack = "", path = "", always } = options;
  const script = source.replaceAll("@MARK@", MARK);
  const parameters = [x64, arm64, pack, path, always ? "always" : "", UNPACK];
  // Shells begin their messages with the word behind the script.
  return ["sh", "-c", oneLine(script), "norouter", ...parameters];
}
