/**
 * Puts the agent on a host without a shell, by a way of copying files there, and starts
 * the agent by its loader: the folder form of the portable executable needs nothing else.
 *
 * @module
 */
import type { HostFiles, Link, OpenContext, Transport } from "../transports/mod.ts";
import { architectureOf, folderOf } from "./agents.ts";
import { withExit } from "../link/exit.ts";
import { agentWords } from "../transports/command/words.ts";
import { differenceIn, foreignFolderIn, lookScript, sumsOf } from "./copied.ts";
import { assertGuarded, looseIn, refusal } from "./guarded.ts";
import type { Uploads } from "./uploads.ts";
import type { KnownProgram, WayBack } from "./way_back.ts";

/** How to copy. */
export interface CopyOptions {
  /** Whether to copy even where the agent is there already. */
  readonly always: boolean;
  /** The folder on the host to keep the agent in; the host's root if absent. */
  readonly path?: string | undefined;
  /** Decides whether the agent is copied. */
  readonly uploads?: Uploads | undefined;
  /** Gets the way back to the agent. */
  readonly wayBack?: WayBack | undefined;
}

/** A question to the host that is not answered by then has failed. */
const PROBE_LIMIT_MS = 15_000;
/** Characters of its answer that are kept: a line for each of some hundred files. */
const MOST_SAID = 256 * 1024;
/**
 * The status of a command that was ended by SIGKILL or SIGTERM, and of an engine's client
 * that did not get as far as running a command.
 */
const KILLED = [125, 128 + 9, 128 + 15];
/** How often copying is reported as alive, since nobody can tell how far it is. */
const ALIVE_MS = 1000;
/** The most time reported so: the folder has some 100 MB. */
const COPY_LIMIT_MS = 600_000;

/** Opens the link. Rejects with an Error that names the obstacle. */
export async function openCopied<Options>(
  { transport, files }: {
    readonly transport: Transport<Options>;
    readonly files: HostFiles<Options>;
  },
  options: Options,
  { always, path = "", uploads, wayBack }: CopyOptions,
  context: OpenContext,
): Promise<Link> {
  if (path !== "" && !path.startsWith("/")) {
    const what = `installPath ${JSON.stringify(path)}`;
    throw new Error(`${what} has to begin with "/" on a host without a shell`);
  }
  const machine = await files.machine(options, context);
  const architecture = architectureOf(machine);
  if (!architecture) throw new Error(`no agent for a host without a shell on ${machine}`);
  const folder = await folderOf(architecture);
  const home = `${path}/norouter-agent-${folder.name}`;
  const deno = [`${home}/ld.so`, "--library-path", `${home}/lib`, `${home}/deno`];
  const guarding = (context: OpenContext) => ({ files, options, home, context });
  const difference = async () => {
    const sums = await sumsOf(folder.path);
    const script = lookScript(home, [...sums.keys()]);
    const words = [...deno, "eval", "--no-config", "--no-lock", script];
    const said = await ask(transport, options, words, context);
    if (said === undefined) return "it does not run";
    const foreign = foreignFolderIn(said);
    if (foreign) throw refusal(home, `others may change it: ${foreign}`);
    return differenceIn(said, sums);
  };
  // Nothing there is run before it is known that nobody else could have put it there.
  if (always || await looseIn(guarding(context)) || await difference()) {
    uploads?.begin();
    context.log(`copying the agent to ${home}, for the host has no shell`);
    const until = performance.now() + COPY_LIMIT_MS;
    const timer = setInterval(() => {
      if (performance.now() < until) context.alive?.();
    }, ALIVE_MS);
    try {
      await copyFolder(
        (from, to, quiet) =>
          files.put(options, from, to, quiet ? { ...context, log: () => {} } : context),
        folder.path,
        home,
      );
      await assertGuarded(guarding(context));
      const other = await difference();
      if (other !== undefined) {
        const what = `what was copied to ${home} is not what is there: ${other}`;
        uploads?.spoiled(what);
        throw new Error(what);
      }
      uploads?.kept();
    } finally {
      clearInterval(timer);
    }
  }
  const flags = ["run", "--quiet", "--allow-all", "--no-config", "--no-lock"];
  const program = [...deno, ...flags, `${home}/app/cli.js`];
  const link = await transport.exec!(
    options,
    [...program, ...agentWords(context.attach)],
    context,
  );
  const known: KnownProgram = {
    words: program,
    inspect: (context) => assertGuarded(guarding(context)),
  };
  wayBack?.keep(known, context.answered);
  return link;
}

type Put = (from: string, to: string, quiet?: boolean) => Promise<void>;

async function copyFolder(put: Put, folder: string, home: string): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "norouter-" });
  try {
    const empty = `${work}/empty`;
    await Deno.mkdir(empty);
    await Deno.chmod(empty, PLAIN.folder);
    await makeFolder(put, `${empty}/.`, home);
    for await (const { name } of Deno.readDir(folder)) {
      // Files that a program running from this folder has left there are its own.
      if (name === "ok" || name === "deno-dir") continue;
      const { isDirectory } = await Deno.stat(`${folder}/${name}`);
      const from = await plain(`${folder}/${name}`, `${work}/${name}`);
      // Its contents, for the folder may be there already, in part.
      await put(`${from}${isDirectory ? "/." : ""}`, `${home}/${name}`);
    }
    // Comes last, and says that the rest is whole.
    await put(await plain(`${folder}/ok`, `${work}/ok`), `${home}.ok`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The modes of what is copied, which go along: for all to read, for root to change. */
const PLAIN = { folder: 0o755, program: 0o755, file: 0o644 };

/** The file or folder `from` if its modes are as they have to be there, or a copy `to` with such. */
async function plain(from: string, to: string): Promise<string> {
  if (await isPlain(from)) return from;
  await copyPlain(from, to);
  return to;
}

async function isPlain(path: string): Promise<boolean> {
  const about = await Deno.lstat(path);
  if (about.isSymlink) return false;
  // Where there are no modes, the client that copies has its own.
  if (about.mode !== null && (about.mode & 0o7777) !== plainMode(about)) return false;
  if (!about.isDirectory) return true;
  for await (const { name } of Deno.readDir(path)) {
    if (!await isPlain(`${path}/${name}`)) return false;
  }
  return true;
}

async function copyPlain(from: string, to: string): Promise<void> {
  const about = await Deno.stat(from);
  if (about.isDirectory) {
    await Deno.mkdir(to);
    for await (const { name } of Deno.readDir(from)) {
      await copyPlain(`${from}/${name}`, `${to}/${name}`);
    }
  } else await Deno.copyFile(from, to);
  await Deno.chmod(to, plainMode(about));
}

function plainMode({ isDirectory, mode }: Deno.FileInfo): number {
  if (isDirectory) return PLAIN.folder;
  return ((mode ?? 0) & 0o111) === 0 ? PLAIN.file : PLAIN.program;
}

/** Makes the folder and its parents; an existing folder stays as it is. */
async function makeFolder(put: Put, empty: string, path: string): Promise<void> {
  try {
    await put(empty, path, true);
  } catch (error) {
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent === "") throw error;
    await makeFolder(put, empty, parent).catch(() => {
      throw error;
    });
    await put(empty, path);
  }
}

/**
 * The output of a command there; undefined if the command fails.
 *
 * @throws {Error} if it was killed or takes too long, which tells nothing of what is there.
 */
async function ask<Options>(
  transport: Transport<Options>,
  options: Options,
  words: readonly string[],
  context: OpenContext,
): Promise<string | undefined> {
  const link = await transport.exec!(options, words, { ...context, log: () => {} });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    link.abort("no answer");
  }, PROBE_LIMIT_MS);
  let said = "";
  try {
    await Promise.allSettled([
      link.writable.close(),
      (async () => {
        const text = link.readable.pipeThrough(new TextDecoderStream());
        for await (const part of text) {
          if (said.length < MOST_SAID) said += part;
        }
      })(),
    ]);
    const exit = await link.closed;
    if (exit.ok) return said;
    const wasKilled = exit.signal !== undefined || KILLED.includes(exit.status ?? 0);
    if (!isLate && !wasKilled) return undefined;
    const why = isLate ? `no answer within ${PROBE_LIMIT_MS / 1000} s` : exit.reason;
    throw withExit(new Error(`cannot look at the agent that is there: ${why}`), exit);
  } finally {
    clearTimeout(timer);
  }
}
