/**
 * Puts the agent on a host without a shell, by a way of copying files there, and starts
 * the agent by its loader: the folder form of the portable executable needs nothing else.
 *
 * @module
 */
import type { HostFiles, Link, OpenContext, Transport } from "../transports/mod.ts";
import { architectureOf, folderOf } from "./agents.ts";
import { agentWords } from "../transports/command/words.ts";
import { assertGuarded, lookScript, sumOfFolder } from "./copied.ts";
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
/** Characters of its answer that are kept. */
const MOST_SAID = 4096;
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
  const guard = () => assertGuarded(files, { options, home, context });
  const isWhole = async () => {
    const words = [...deno, "eval", "--no-config", "--no-lock", lookScript(home)];
    const said = await ask(transport, options, words, context);
    return said.includes(`sum ${await sumOfFolder(folder.path)}\n`);
  };
  await guard();
  if (always || !await isWhole()) {
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
      // Those that were made have the modes of here.
      await guard();
      if (!await isWhole()) {
        const what = `what was copied to ${home} is not what is there`;
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
    inspect: (context) => assertGuarded(files, { options, home, context }),
  };
  wayBack?.keep(known, context.answered);
  return link;
}

type Put = (from: string, to: string, quiet?: boolean) => Promise<void>;

async function copyFolder(put: Put, folder: string, home: string): Promise<void> {
  const empty = await Deno.makeTempDir({ prefix: "norouter-" });
  try {
    await Deno.chmod(empty, 0o755); // modes go along
    await makeFolder(put, `${empty}/.`, home);
  } finally {
    await Deno.remove(empty);
  }
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    // Files that a program running from this folder has left there are its own.
    if (name === "ok" || name === "deno-dir") continue;
    // Its contents, for the folder may be there already, in part.
    await put(`${folder}/${name}${isDirectory ? "/." : ""}`, `${home}/${name}`);
  }
  // Comes last, and says that the rest is whole.
  await put(`${folder}/ok`, `${home}.ok`);
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

/** The output of a command there; empty if the command fails or takes too long. */
async function ask<Options>(
  transport: Transport<Options>,
  options: Options,
  words: readonly string[],
  context: OpenContext,
): Promise<string> {
  const link = await transport.exec!(options, words, { ...context, log: () => {} });
  const timer = setTimeout(() => link.abort("no answer"), PROBE_LIMIT_MS);
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
    return (await link.closed).ok ? said : "";
  } finally {
    clearTimeout(timer);
  }
}
