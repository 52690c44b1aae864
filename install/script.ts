/**
 * The script that finds the agent on a host, or puts it there, by one shell command.
 *
 * The command line is short, and reads the script from its standard input. The script
 * speaks lines on standard output, each with {@linkcode SCRIPT_MARK} in front, for a
 * login may say something first:
 *
 * ```text
 * ← norouter-install hello                 the command line runs
 * → the script
 * ← norouter-install start PATH            the agent is there, and speaks from here on
 * ← norouter-install want Linux x86_64 -   no agent; the last word is deno's version or -
 * → KIND BYTES SHA256 NAME                 the kind: an `agent`, or an `app` for deno
 * ← norouter-install start PATH            the agent is there all the same, with this sum
 * ← norouter-install send                  ready to write; now the bytes
 * ← norouter-install start PATH            as above
 * ← norouter-install start keep-ID         instead of all that: an agent that is still there
 *                                          has taken the link, and speaks when it is asked
 * ← norouter-install fail REASON           at any point, and the end
 * ```
 *
 * The folder keeps `agent-NAME`, the file; `app-VERSION-NAME`, the program for
 * that version of deno; and while either is on its way, `part-PROCESS.MACHINE`. Both
 * get their name when they are complete, and their sums are compared at each start: of
 * all of a file or, if the file checks its rest as `release/launcher.sh` does, of its
 * beginning. Files of other versions go when no process uses them (`retire` in guard.sh).
 *
 * Only folders are used that nobody but their user and root can change or exchange
 * (`guarded` there), so exactly the files that were compared are run.
 *
 * If the manager names an agent of a link before, that agent is asked first (attach.sh):
 * before a folder is looked at, and without anything being started.
 *
 * The script needs a POSIX shell with `cat`, `chmod`, `head`, `ls` (or `stat`), `mkdir`,
 * `mv`, `rm`, `wc`; and `openssl`, `sha256sum` or `shasum`, `df`, `find`, `id`, `mkfifo`,
 * `setsid`, `sleep`, `uname`, if they are there.
 *
 * @module
 */
import { quote } from "shlex";
import { assertAgentId } from "../transports/command/words.ts";
import type { AgentFile, AgentFiles } from "./agents.ts";
import attachment from "./attach.sh" with { type: "text" };
import clean from "./clean.sh" with { type: "text" };
import guard from "./guard.sh" with { type: "text" };
import places from "./places.sh" with { type: "text" };
import source from "./script.sh" with { type: "text" };

/** Begins each line that the script says to the manager. */
export const SCRIPT_MARK = "norouter-install";

/** Options of the script. */
export interface ScriptOptions {
  /** The files that can be sent. */
  readonly files: AgentFiles;
  /** The folder to keep the agent in; some usual folders if absent. */
  readonly path?: string | undefined;
  /** Whether to send the agent even where it is there already. */
  readonly always: boolean;
  /** The agent to go back to, of {@linkcode OpenContext.attach}. */
  readonly attach?: string | undefined;
  /** Whether an agent is started in a session of its own: {@linkcode Transport.killsCommands}. */
  readonly detached?: boolean | undefined;
}

/** A script, and the words that read and run it. */
export interface HostScript {
  readonly words: readonly string[];
  readonly text: Uint8Array<ArrayBuffer>;
}

/** Unpacks a pack of `release/portable.ts`. */
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

/** The last line of the script, by which the host knows that the script is complete. */
const END = "#norouter-install-end";

/** Lines without those that are empty or a comment. */
function withoutComments(script: string): string {
  return script.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n");
}

/** Asks the agent that is named, before anything else. */
const ATTACH = `attach "$attach" printf "\\n%s\\n" "@MARK@ start keep-$attach"`;

/**
 * The script for a host.
 *
 * @throws {Error} if `attach` names no agent.
 */
export async function scriptFor(
  { files, path = "", always, attach, detached = false }: ScriptOptions,
): Promise<HostScript> {
  if (attach !== undefined) assertAgentId(attach);
  const variables = {
    x64: files.x64?.name ?? "",
    x64_start: await startOf(files.x64),
    arm64: files.arm64?.name ?? "",
    arm64_start: await startOf(files.arm64),
    pack: files.pack?.name ?? "",
    pack_sum: await files.pack?.contentSha256?.() ?? "",
    path,
    always: always ? "always" : "",
    unpack: UNPACK,
    attach: attach ?? "",
    detached: detached ? "detached" : "",
  };
  const first = attach === undefined ? [] : [attachment, ATTACH];
  return hostScript(variables, [...first, guard, places, source]);
}

/**
 * The script that tells which files are left on a host, and removes them unless `list` is
 * set.
 */
export function cleanScript(
  { path = "", state = "", list }: {
    readonly path?: string | undefined;
    readonly state?: string | undefined;
    readonly list: boolean;
  },
): HostScript {
  const variables = { path, state, list: list ? "list" : "" };
  return hostScript(variables, [attachment, guard, places, clean]);
}

/** A script with the values of its variables in front. */
function hostScript(
  variables: Readonly<Record<string, string>>,
  parts: readonly string[],
): HostScript {
  const values = Object.entries(variables).map(([name, value]) =>
    `${name}=${quote(value)}`
  );
  const lines = withoutComments(parts.join("\n"));
  const all = [...values, lines.replaceAll("@MARK@", SCRIPT_MARK), END].join("\n");
  const text = new TextEncoder().encode(all);
  return { words: ["sh", "-c", starterOf(text.length), "norouter"], text };
}

/**
 * Reads so many bytes and runs them. Any login shell hands the text on as is: in single
 * quotes, a csh takes no line break, not even there an exclamation mark, and fish no two
 * backslashes.
 */
function starterOf(bytes: number): string {
  return [
    `printf "\\n${SCRIPT_MARK} hello\\n"`,
    `s=$(head -c ${bytes})`,
    `case $s in *"${END}") eval "$s" ;; esac`,
    `printf "\\n${SCRIPT_MARK} fail the installer did not arrive whole\\n"`,
    `exit 1`,
  ].join("; ");
}

/**
 * The part of a file that is compared before a start: bytes, sum and the unpacked
 * folder.
 */
async function startOf(file: AgentFile | undefined): Promise<string> {
  if (!file) return "";
  const { bytes, sha256, folder } = await file.start?.() ??
    { bytes: file.bytes, sha256: await file.sha256(), folder: "" };
  return `${bytes} ${sha256} ${folder}`.trimEnd();
}
