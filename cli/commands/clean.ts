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
import type { Transport } from "../../transports/mod.ts";
import { builtinTransports } from "../../transports/registry.ts";
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

/** A host to be cleaned. */
interface Dirty {
  readonly name: string;
  readonly transport: Transport;
  readonly options: unknown;
  readonly path?: string | undefined;
  readonly state?: string | undefined;
}

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
  const hosts = isFile(target) ? await hostsOf(target, names, options) : oneHost(target);
  if (!hosts) return 1;
  const { list = false } = options;
  let status = 0;
  const found = await Promise.all(hosts.map(async (host) => {
    const tell = (level: "warn" | "error", message: string) =>
      log.event({
        level,
        type: "clean",
        message: `${host.name}: ${withoutControls(message)}`,
      });
    try {
      const context = {
        host: host.name,
        signal: new AbortController().signal,
        log: (line: string) => tell("warn", line),
      };
      return {
        host,
        items: await cleanHost(host.transport, host.options, { ...host, list }, context),
      };
    } catch (error) {
      status = 1;
      tell("error", (error as Error).message);
      return { host, items: [] };
    }
  }));
  const rows = found.flatMap(({ host, items }) =>
    items.map((
      item,
    ) => [host.name, WORDS[item.state], sizeOf(item), withoutControls(item.path)])
  );
  if (rows.some(([, word]) => word === WORDS.failed)) status = 1;
  if (rows.length === 0) console.log("Nothing of norouter was found.");
  else console.log(columns([["HOST", "STATE", "SIZE", "PATH"], ...rows]).trimEnd());
  return status;
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

/** Those of a manifest to which an agent is sent; nothing if it is wrong. */
async function hostsOf(
  file: string,
  names: readonly string[],
  options: CleanCommand,
): Promise<Dirty[] | undefined> {
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
    .flatMap((host) => dirtyOf(host, plugins));
}

function dirtyOf(host: HostSpec, plugins: readonly Transport[]): Dirty[] {
  const { name, transport: chosen, install, installPath: path, stateDir } = host;
  if (!chosen) return [];
  const transport = builtinTransports.get(chosen.name) ??
    plugins.find((each) => each.name === chosen.name);
  if (!transport || !isInstalled(transport, chosen.options, install)) return [];
  const { pathOnAgent = STATE, disable } = stateDir;
  // What only the agent there can expand is left.
  const state = disable || pathOnAgent.includes("$") ? undefined : pathOnAgent;
  return [{ name, transport, options: chosen.options, path, state }];
}

/** A host as a manifest has it in its short form, on one word: `ssh:me@box`. */
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
