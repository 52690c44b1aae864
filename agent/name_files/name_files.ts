/**
 * The names of the mesh as files of a host: `hosts` and `hostaliases` in the agent's state
 * directory, and, if the manifest asks for it, a marked region of the system's hosts file.
 *
 * Agents that share these files share the region: each has its lines there (`shares.ts`) and
 * takes them out when it ends, and those of agents that were killed. `hostaliases` follows
 * from the lines in `hosts`.
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
import { whileLocked } from "./file_lock.ts";
import { placeRegion, regionLines, removeRegion } from "./hosts_region.ts";
import { replaceFile } from "./replace_file.ts";
import { areJoined, linesOf, Owner, type Share, sharesOf } from "./shares.ts";
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

/** Names to write, and where. */
export interface NameFilesContents {
  /** Names and dotted addresses, in the manifest's order. */
  readonly names: Readonly<Record<string, string>>;
  /** The folder for `hosts` and `hostaliases`, `~/.norouter/agent` if absent. */
  readonly stateDir?: {
    /** With `~` and variables not expanded yet. */
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

/** The files that were written. */
export interface NameFiles {
  /**
   * Writes other contents in place of the first, which are taken out of the former state
   * directory if another is wanted now. Never rejects. To be called when the last call
   * has settled.
   */
  rewrite(contents: NameFilesContents): Promise<void>;
  /**
   * Takes the names out of the files again, but for those of other agents that run. Never
   * rejects.
   */
  restore(): Promise<void>;
}

/**
 * Writes the files. Never rejects: a file that cannot be written is a warning, and the
 * rest is written all the same.
 */
export async function writeNameFiles(options: NameFilesOptions): Promise<NameFiles> {
  const writer = new Writer(options);
  await writer.attempt(() => writer.write(options));
  return {
    rewrite: (contents) => writer.attempt(() => writer.write(contents)),
    restore: () => writer.attempt(() => writer.restore()),
  };
}

class Writer {
  readonly #options: Pick<NameFilesOptions, "warn" | "systemHosts">;
  readonly #owner = new Owner();
  /** The state directory that names were written to. */
  #stateFolder: string | undefined;
  /** Functions that take the names out again, by the file or folder that has them. */
  readonly #undo = new Map<string, () => Promise<void>>();

  constructor(options: Pick<NameFilesOptions, "warn" | "systemHosts">) {
    this.#options = options;
  }

  /** Last resort: errors caught here were not foreseen. */
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
    const path = this.#options.systemHosts ?? systemHosts();
    if (!writeEtcHosts) await this.#takeOut(path);
    if (!isStateWanted) await this.#takeOut(this.#stateFolder);
    if (!isStateWanted && !writeEtcHosts) return;
    const hosts = await this.#readHosts(path);
    if (isStateWanted) await this.#writeState(names, { stateDir, hosts: hosts ?? "" });
    if (writeEtcHosts && hosts !== undefined) {
      await whileLocked(path, () => this.#writeSystem(names, path));
    }
  }

  /** Takes the names of this agent out of all files. */
  async restore(): Promise<void> {
    for (const path of [...this.#undo.keys()].reverse()) await this.#takeOut(path);
  }

  async #takeOut(path: string | undefined): Promise<void> {
    if (path === undefined) return;
    const undo = this.#undo.get(path);
    this.#undo.delete(path);
    await undo?.();
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

  /** The system's hosts file, a character per byte; undefined if not readable. */
  async #readHosts(path: string): Promise<string | undefined> {
    let text: string;
    try {
      text = await readIfThere(path);
    } catch (error) {
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
    const lines = linesFor(names);
    const begin = (shares: readonly Share[]) => this.#owner.add(shares, lines);
    const end = (shares: readonly Share[]) => this.#owner.remove(shares);
    const update = (change: typeof begin | typeof end, hosts: string) =>
      whileLocked(folder, () => this.#updateState(folder, hosts, change));
    if (this.#stateFolder !== folder) await this.#takeOut(this.#stateFolder);
    this.#stateFolder = folder;
    await update(begin, hosts);
    this.#undo.set(folder, async () => {
      const { systemHosts: path = systemHosts() } = this.#options;
      await update(end, await readIfThere(path).catch(() => hosts));
    });
    try {
      await replaceFile(join(folder, "README.md"), bytesOf(STATE_README), ALL_MAY);
    } catch (error) {
      this.#warnOf("write", join(folder, "README.md"), error);
    }
  }

  /** Changes the shares in the existing file, and writes the files that follow. */
  async #updateState(
    folder: string,
    system: string,
    change: (shares: readonly Share[]) => readonly Share[] | undefined,
  ): Promise<void> {
    const path = join(folder, "hosts");
    // An unreadable file is replaced.
    const before = await readIfThere(path).catch(() => "");
    const shares = change(sharesOf(regionLines(before)));
    if (!shares) return;
    const aliases = await this.#aliases(shares, join(folder, "hostaliases"));
    const files: [string, string][] = [
      ["hosts", placeShares(system, shares)],
      ["hostaliases", aliases.map((line) => `${line}\n`).join("")],
    ];
    for (const [name, text] of files) {
      try {
        await replaceFile(join(folder, name), bytesOf(text), ALL_MAY);
      } catch (error) {
        this.#warnOf("write", join(folder, name), error);
      }
    }
  }

  /** The user's own aliases and the mesh's, since the variable names a single file. */
  async #aliases(shares: readonly Share[], own: string): Promise<string[]> {
    const ours = new Map<string, string>();
    for (const line of shares.flatMap(({ lines }) => lines)) {
      const [address = "", name = ""] = line.split(" ");
      if (name.includes(".") || ours.has(name.toLowerCase())) continue;
      ours.set(name.toLowerCase(), `${name} ${address}.${ALIAS_DOMAIN}`);
    }
    const kept: string[] = [];
    const theirs = Deno.env.get("HOSTALIASES");
    if (theirs && resolve(theirs) !== resolve(own)) {
      try {
        for (const line of (await read(theirs)).split(/\r?\n/)) {
          const [, name] = /^([^#\s]\S*)[ \t]+\S+[ \t]*$/.exec(line) ?? [];
          if (name !== undefined && !ours.has(name.toLowerCase())) kept.push(line);
        }
      } catch (error) {
        this.#warnOf("read $HOSTALIASES,", theirs, error);
      }
    }
    return [...kept, ...ours.values()];
  }

  async #writeSystem(names: [string, string][], path: string): Promise<void> {
    const isFirst = !this.#undo.has(path);
    const existed = isFirst && await backUp(path).catch((error) => {
      this.#warnOf("keep the first backup", path + BACKUP_SUFFIX, error);
      return true;
    });
    const lines = linesFor(names);
    try {
      const before = await readIfThere(path);
      const isJoined = placeRegion(before, []).joint !== "";
      const shares = sharesOf(regionLines(before));
      const text = placeShares(before, this.#owner.add(shares, lines, { isJoined }));
      await replaceFile(path, bytesOf(text), SYSTEM_FILE);
    } catch (error) {
      return this.#warnOf("write", path, error);
    }
    if (!isFirst) return;
    this.#undo.set(path, async () => {
      try {
        await whileLocked(path, () => this.#restoreSystem(path, existed));
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return;
        this.#warnOf("take the names of the mesh out of", path, error);
      }
    });
  }

  async #restoreSystem(path: string, existed: boolean): Promise<void> {
    const before = await read(path);
    const rest = this.#owner.remove(sharesOf(regionLines(before)));
    if (!rest) return;
    const text = placeShares(before, rest);
    if (text === "" && !existed) await Deno.remove(path);
    else await replaceFile(path, bytesOf(text), SYSTEM_FILE);
  }

  #warnOf(what: string, path: string, error: unknown): void {
    this.#options.warn(`Cannot ${what} ${path}: ${reason(error)}`);
  }
}

const ALL_MAY = { mode: ALL_MAY_READ } as const;
const SYSTEM_FILE = { mode: ALL_MAY_READ, isSystemFile: true } as const;

function linesFor(names: readonly (readonly [string, string])[]): string[] {
  return names.map(([name, address]) => `${address} ${name}`);
}

/** The hosts file with these shares in its region; without shares, no region. */
function placeShares(text: string, shares: readonly Share[]): string {
  const placed = placeRegion(text, linesOf(shares));
  if (shares.length > 0) return placed.text;
  const isJoined = areJoined(sharesOf(regionLines(text)));
  const joint = isJoined ? /\r?\n/.exec(text)![0] : placed.joint;
  return removeRegion(placed.text, { region: placed.region, joint })!;
}

/** Keeps the file as before the first change ever; false if there is no file. */
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
    // Half a backup would stand in the way of a whole backup for ever.
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

/** Some containers have no hosts file. */
async function readIfThere(path: string): Promise<string> {
  try {
    return await read(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
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
