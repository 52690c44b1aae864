/**
 * `norouter clean FILE [HOST...]`: files that agents have left on hosts, and their
 * removal.
 *
 * @module
 */
import { cleanHost, type LeftItem } from "../../install/clean.ts";
import { isInstalled } from "../../install/reach.ts";
import { didYouMean } from "../../manifest/fields.ts";
import type { HostSpec } from "../../manifest/manifest.ts";
import { quote } from "../../manifest/source/value.ts";
import { openProcess } from "../../transports/command/process.ts";
import type { Transport } from "../../transports/mod.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { printResult } from "../console/console.ts";
import { columns } from "../console/columns.ts";
import { withoutControls } from "../discovery/source.ts";
import { openLog } from "../console/log.ts";
import { load, printDiagnostics } from "../manifest.ts";
import type { GlobalOptions } from "../options.ts";
import { isFile } from "../words.ts";

/** Where an agent puts names unless the manifest says otherwise. */
const STATE = "~/.norouter/agent";

/** The options of the command. */
export interface CleanCommand extends GlobalOptions {
  /** Remove nothing. */
  readonly list?: boolean | undefined;
}

/** A host of a manifest, or of the command line. */
interface Target {
  readonly name: string;
  /** Absent if no agent is put there. */
  readonly transport?: Transport | undefined;
  readonly options: unknown;
  readonly path?: string | undefined;
  readonly state?: string | undefined;
}

/** A host to be cleaned. */
type Dirty = Target & { readonly transport: Transport };

function isDirty(host: Target): host is Dirty {
  return host.transport !== undefined;
}

/** This machine, by a shell of its own. */
const here: Transport = {
  name: "here",
  parse: () => undefined,
  describe: () => "this machine",
  open: () => Promise.reject(new Error("its agent is in the manager's process")),
  // deno-lint-ignore require-await -- a command that cannot start must reject
  exec: async (_options, words, context) => openProcess(words, context),
};

/**
 * Cleans hosts of a manifest, or a host that is named as `docker:web`; gives the exit
 * status.
 */
export async function clean(
  target: string,
  names: readonly string[],
  options: CleanCommand,
): Promise<number> {
  const log = openLog(options);
  const tell = (level: "info" | "warn" | "error", host: string, message: string) => {
    const text = `${host}: ${withoutControls(message)}`;
    log.event({ level, type: "clean", message: text });
  };
  const hosts = isFile(target) ? await hostsOf(target, names, options) : oneHost(target);
  if (!hosts) return 1;
  for (const { name, transport } of hosts) {
    if (!transport) tell("info", name, NOT_SENT);
  }
  const found = await Promise.all(
    hosts.filter(isDirty).map(async (host) => ({
      host: host.name,
      items: await itemsOf(host, options, tell),
    })),
  );
  const rows = found.flatMap(({ host, items = [] }) =>
    items.map((
      item,
    ) => [host, WORDS[item.state], sizeOf(item), withoutControls(item.path)])
  );
  const asked = found.filter(({ items }) => items).map(({ host }) => host);
  if (rows.length > 0) {
    const table = columns([["HOST", "STATE", "SIZE", "PATH"], ...rows]);
    await printResult(table.trimEnd() + "\n");
  } else if (asked.length > 0) {
    const where = asked.length < hosts.length ? ` on ${asked.join(", ")}` : "";
    await printResult(`Nothing of norouter was found${where}.\n`);
  }
  const isLeft = rows.some(([, word]) => word === WORDS.failed);
  return isLeft || asked.length < found.length ? 1 : 0;
}

const NOT_SENT =
  `not asked, for its command runs an agent that was there before; the names of the mesh ` +
  `are in its ${STATE}, unless the manifest says otherwise`;

/**
 * The agent's files left on a host; undefined if the host cannot be asked, which is told.
 */
async function itemsOf(
  host: Dirty,
  { list = false }: CleanCommand,
  tell: (level: "info" | "warn" | "error", host: string, message: string) => void,
): Promise<LeftItem[] | undefined> {
  // After a failure these lines are part of the reason.
  const said: string[] = [];
  const { name, transport, options } = host;
  const context = {
    host: name,
    signal: new AbortController().signal,
    log: (line: string) => said.push(line),
    asking: (isAsking: boolean) => {
      if (isAsking) tell("info", name, "asks on the terminal");
    },
  };
  try {
    const items = await cleanHost(transport, options, { ...host, list }, context);
    for (const line of said) tell("warn", name, line);
    return items;
  } catch (error) {
    tell("error", name, `cannot be asked what is there: ${(error as Error).message}`);
    return undefined;
  }
}

const WORDS: Readonly<Record<LeftItem["state"], string>> = {
  used: "in use",
  left: "not in use",
  gone: "removed",
  failed: "not removed",
};

function sizeOf({ kilobytes }: LeftItem): string {
  return kilobytes === undefined ? "?" : `${(kilobytes / 1024).toFixed(1)} MB`;
}

/** The hosts of a manifest; undefined if the manifest is wrong. */
async function hostsOf(
  file: string,
  names: readonly string[],
  options: CleanCommand,
): Promise<Target[] | undefined> {
  const { manifest, diagnostics, plugins } = await load(file, options);
  printDiagnostics(diagnostics, options);
  if (!manifest) return undefined;
  const known = manifest.hosts.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new Error(`${file} has no host ${quote(name)}${didYouMean(name, known)}`);
  }
  return manifest.hosts
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .map((host) => targetOf(host, plugins));
}

function targetOf(host: HostSpec, plugins: readonly Transport[]): Target {
  const { name, transport: chosen, install, installPath: path, stateDir } = host;
  const { pathOnAgent = STATE, disable } = stateDir;
  // A path that only the agent there can expand is left alone.
  const state = disable || pathOnAgent.includes("$") ? undefined : pathOnAgent;
  if (!chosen) return { name, transport: here, options: undefined, state };
  const transport = builtinTransports.get(chosen.name) ??
    plugins.find((each) => each.name === chosen.name);
  if (!transport || !isInstalled(transport, chosen.options, install)) {
    return { name, options: undefined };
  }
  return { name, transport, options: chosen.options, path, state };
}

/** A host in a manifest's short form, as a single word: `ssh:me@box`. */
function oneHost(target: string): Dirty[] {
  const [, name = "", value = ""] = /^([a-z]+):(.+)$/.exec(target) ?? [];
  const transport = builtinTransports.get(name);
  if (!transport?.exec) {
    throw new Error(
      `${
        quote(target)
      } is no file, and no host like docker:web, kubectl:nginx or ssh:me@box`,
    );
  }
  return [{ name: target, transport, options: transport.parse(value), state: STATE }];
}
