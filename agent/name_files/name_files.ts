/**
 * The names of the mesh as files of a host: `hosts` and `hostaliases` in the agent's state
 * directory, and, if the manifest asks for it, a marked region of the system's hosts file.
 *
 * Agents that share a hosts file share the region: the one that wrote last has it, and
 * takes it out again when it ends. The first line in the region says whose it is, so that
 * an agent that lingers does not take away the names of the one that followed it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { join, resolve } from "node:path";
import { hostNameFault } from "../../manifest/names.ts";
import { quote } from "../../manifest/source/value.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import { messageOf } from "../../wire/text.ts";
import { expandPath } from "./home.ts";
import { type Placed, placeRegion, removeRegion } from "./hosts_region.ts";
import { replaceFile } from "./replace_file.ts";
import { STATE_README } from "./state_readme.ts";

const DEFAULT_STATE_DIR = "~/.norouter/agent";
const BACKUP_SUFFIX = ".bak.norouter";
/** Lists of unwanted hosts have some megabytes. */
const MAX_HOSTS_BYTES = 64 * 2 ** 20;
/** Answers `a.b.c.d.nip.io` with `a.b.c.d`; a host alias needs a name to stand for. */
const ALIAS_DOMAIN = "nip.io";
const ALL_MAY_READ = 0o644;
/** Names left out that a warning lists. */
const MAX_TOLD = 5;

/** What to write, and where. */
export interface NameFilesContents {
  /** Names and dotted addresses, in the manifest's order. */
  readonly names: Readonly<Record<string, string>>;
  /** The folder for `hosts` and `hostaliases`, `~/.norouter/agent` if absent. */
  readonly stateDir?: {
    /** With `~` and variables still in it. */
    readonly path?: string | undefined;
    /** Write no such folder. */
    readonly disable?: boolean | undefined;
  } | undefined;
  /** Whether the system's hosts file gets the names as well. */
  readonly writeEtcHosts: boolean;
}

/** Options of {@linkcode writeNameFiles}. */
export interface NameFilesOptions extends NameFilesContents {
  /** Takes a warning that names the file and the cause. */
  readonly warn: (message: string) => void;
  /** The system's hosts file, for tests. */
  readonly systemHosts?: string;
}

/** What was written. */
export interface NameFiles {
  /**
   * Writes other contents in place of the first; a state directory that is another one now
   * stays behind as it is. Never rejects. To be called when the last call has settled.
   */
  rewrite(contents: NameFilesContents): Promise<void>;
  /**
   * Takes the region out of the system's hosts file, unless somebody else has written one
   * of their own meanwhile. The other files stay. Never rejects.
   */
  restore(): Promise<void>;
}

/**
 * Writes the files. Never rejects: what cannot be written is a warning, and the rest is
 * written all the same.
 */
export async function writeNameFiles(options: NameFilesOptions): Promise<NameFiles> {
  const writer = new Writer(options);
  await writer.attempt(() => writer.write(options));
  return {
    rewrite: (contents) => writer.attempt(() => writer.write(contents)),
    restore: () => writer.attempt(() => writer.restore()),
  };
}

/** What is needed to take the names out of the system's hosts file again. */
interface Written {
  readonly path: string;
  /** What stands there now. */
  readonly placed: Pick<Placed, "region" | "joint">;
  /** Whether there was such a file before. */
  readonly existed: boolean;
}

class Writer {
  readonly #options: Pick<NameFilesOptions, "warn" | "systemHosts">;
  /** Set if the system's hosts file has to be restored. */
  #written: Written | undefined;

  constructor(options: Pick<NameFilesOptions, "warn" | "systemHosts">) {
    this.#options = options;
  }

  /** Last resort: what is thrown here was not foreseen. */
  async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#options.warn(`Cannot write the names of the mesh: ${reason(error)}`);
    }
  }

  async write(contents: NameFilesContents): Promise<void> {
    const { stateDir, writeEtcHosts } = contents;
    const names = this.#usable(contents);
    const isStateWanted = !stateDir?.disable;
    if (!writeEtcHosts) await this.restore();
    if (!isStateWanted && !writeEtcHosts) return;
    const path = this.#options.systemHosts ?? systemHosts();
    const hosts = await this.#readHosts(path);
    if (isStateWanted) await this.#writeState(names, { stateDir, hosts: hosts ?? "" });
    if (writeEtcHosts && hosts !== undefined) await this.#writeSystem(names, path, hosts);
  }

  /** Takes out of the system's hosts file what was written there, if it still stands there. */
  async restore(): Promise<void> {
    if (!this.#written) return;
    const { path, placed, existed } = this.#written;
    this.#written = undefined;
    try {
      const rest = removeRegion(await read(path), placed);
      if (rest === undefined) return;
      if (rest === "" && !existed) await Deno.remove(path);
      else await replaceFile(path, bytesOf(rest), SYSTEM_FILE);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#warnOf("take the names of the mesh out of", path, error);
    }
  }

  /** The names and addresses that can stand in such files; a strange line breaks them. */
  #usable({ names }: NameFilesContents): [name: string, address: string][] {
    const faults: string[] = [];
    const usable = Object.entries(names).filter(([name, address]) => {
      const fault = hostNameFault(name) ??
        (parseIpv4(address) === undefined && `${quote(address)} is no IPv4 address`);
      if (fault) faults.push(`${quote(name)} (${fault})`);
      return !fault;
    });
    if (faults.length > 0) {
      const more = faults.length - MAX_TOLD;
      const told = faults.slice(0, MAX_TOLD).join(", ") +
        (more > 0 ? ` and ${more} more` : "");
      this.#options.warn(`Names left out of the hosts files: ${told}`);
    }
    return usable;
  }

  /** The system's hosts file, one character per byte; undefined if it cannot be read. */
  async #readHosts(path: string): Promise<string | undefined> {
    let text: string;
    try {
      text = await read(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return ""; // some containers have none
      this.#warnOf("read", path, error);
      return undefined;
    }
    for (const line of placeRegion(text, []).unclosed) {
      this.#options.warn(
        `${path}:${line} begins the region of NoRouter, but nothing ends it; the lines ` +
          `after it are kept, look whether they should be`,
      );
    }
    return text;
  }

  async #writeState(
    names: [string, string][],
    { stateDir, hosts }: Pick<NameFilesContents, "stateDir"> & { readonly hosts: string },
  ): Promise<void> {
    let folder: string;
    try {
      folder = expandPath(stateDir?.path || DEFAULT_STATE_DIR);
    } catch (error) {
      return this.#options.warn(`${reason(error)}; no hosts files are written there`);
    }
    try {
      await Deno.mkdir(folder, { recursive: true, mode: 0o755 });
    } catch (error) {
      return this.#warnOf("make the state directory", folder, error);
    }
    const lines = names.map(([name, address]) => `${address} ${name}`);
    const aliases = await this.#aliases(names, join(folder, "hostaliases"));
    const files: [string, Uint8Array][] = [
      ["hosts", bytesOf(placeRegion(hosts, lines).text)],
      ["hostaliases", bytesOf(aliases.map((line) => `${line}\n`).join(""))],
      ["README.md", bytesOf(STATE_README)],
    ];
    for (const [name, bytes] of files) {
      const path = join(folder, name);
      try {
        await replaceFile(path, bytes, { mode: ALL_MAY_READ });
      } catch (error) {
        this.#warnOf("write", path, error);
      }
    }
  }

  /** The user's own aliases, which one variable cannot name beside ours, and ours. */
  async #aliases(names: [string, string][], own: string): Promise<string[]> {
    const ours = names.filter(([name]) => !name.includes("."));
    const taken = new Set(ours.map(([name]) => name.toLowerCase()));
    const kept: string[] = [];
    const theirs = Deno.env.get("HOSTALIASES");
    if (theirs && resolve(theirs) !== resolve(own)) {
      try {
        for (const line of (await read(theirs)).split(/\r?\n/)) {
          const [, name] = /^([^#\s]\S*)[ \t]+\S+[ \t]*$/.exec(line) ?? [];
          if (name !== undefined && !taken.has(name.toLowerCase())) kept.push(line);
        }
      } catch (error) {
        this.#warnOf("read $HOSTALIASES,", theirs, error);
      }
    }
    return [
      ...kept,
      ...ours.map(([name, address]) => `${name} ${address}.${ALIAS_DOMAIN}`),
    ];
  }

  async #writeSystem(
    names: [string, string][],
    path: string,
    hosts: string,
  ): Promise<void> {
    const whose = `# of the agent ${
      crypto.randomUUID().slice(0, 8)
    }, process ${Deno.pid}`;
    const lines = names.map(([name, address]) => `${address} ${name}`);
    const earlier = this.#written;
    // A region of our own, which is still there, was put in place of what is remembered.
    const isOurs = earlier !== undefined &&
      removeRegion(hosts, earlier.placed) !== undefined;
    const existed = isOurs ? earlier.existed : await backUp(path).catch((error) => {
      this.#warnOf("keep the first backup", path + BACKUP_SUFFIX, error);
      return true;
    });
    const { text, region, joint } = placeRegion(hosts, [whose, ...lines]);
    try {
      await replaceFile(path, bytesOf(text), SYSTEM_FILE);
    } catch (error) {
      return this.#warnOf("write", path, error);
    }
    const placed = { region, joint: isOurs ? earlier.placed.joint : joint };
    this.#written = { path, placed, existed };
  }

  #warnOf(what: string, path: string, error: unknown): void {
    this.#options.warn(`Cannot ${what} ${path}: ${reason(error)}`);
  }
}

const SYSTEM_FILE = { mode: ALL_MAY_READ, isSystemFile: true } as const;

/** Keeps the file as it was before the first change ever; false if there is none. */
async function backUp(path: string): Promise<boolean> {
  const backup = path + BACKUP_SUFFIX;
  const [bytes, info] = await Promise.all([Deno.readFile(path), Deno.stat(path)])
    .catch((error) => {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    });
  if (!bytes || !info) return false;
  const mode = (info.mode ?? ALL_MAY_READ) & 0o7777;
  let isNew = false;
  try {
    using file = await Deno.open(backup, { write: true, createNew: true, mode });
    isNew = true;
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return true;
    // Half a backup would stand in the way of a whole one for ever.
    if (isNew) await Deno.remove(backup).catch(() => {});
    throw error;
  }
  return true;
}

function systemHosts(): string {
  if (Deno.build.os !== "windows") return "/etc/hosts";
  const root = Deno.env.get("SystemRoot") ?? "C:\\Windows";
  return join(root, "System32", "drivers", "etc", "hosts");
}

async function read(path: string): Promise<string> {
  const { size } = await Deno.stat(path);
  if (size > MAX_HOSTS_BYTES) {
    throw new Error(`it is larger than ${MAX_HOSTS_BYTES / 2 ** 20} MiB`);
  }
  return Buffer.from(await Deno.readFile(path)).toString("latin1");
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** The system's words, without the call and the path, which the message has already. */
function reason(error: unknown): string {
  return messageOf(error).replace(/ \(os error \d+\)(:.*)?$/s, "");
}
