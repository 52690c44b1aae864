/**
 * The state file: what a manager has to know to take its agents back after it was killed.
 *
 * It holds secrets, so it has to be a file of this user that nobody else can read. It is
 * written whole, beside itself, and renamed, so that it is never half a file; and before each
 * use of a key, so that no number of a link is used twice. Whatever is wrong with it is told,
 * and changes nothing.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import type { Manifest } from "../../manifest/manifest.ts";
import { check, type Schema } from "../../wire/control/check.ts";
import { formatIpv4, parseIpv4 } from "../../wire/ip/ipv4.ts";
import { messageOf } from "../../wire/text.ts";
import type { KeyParts } from "./agent_key.ts";

/** The form of the file. */
const VERSION = 1;
/** Only for its owner. */
const MODE = 0o600;
/** Bytes of the largest file that is read. */
const MOST_BYTES = 16 << 20;

/** An agent that can be taken back. */
export interface KeptAgent extends KeyParts {
  /** SHA-256 of its configuration, in hexadecimal digits. */
  readonly configuration: string;
}

interface State {
  readonly version: number;
  readonly mesh: string;
  /** What people call the mesh, see `meshTitle`. */
  readonly of?: string | undefined;
  /** The addresses that were found for hosts, dotted. */
  readonly vips: Readonly<Record<string, string>>;
  readonly hosts: Readonly<Record<string, KeptAgent>>;
}

const hex = (digits: number) => {
  const wanted = `Expected ${digits} hexadecimal digits`; // which shows no secret
  return v.pipe(v.string(wanted), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`), wanted));
};
const count = (least: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(least));
const address = v.pipe(
  v.string(),
  v.check((text) => parseIpv4(text) !== undefined, "Expected an IPv4 address"),
);

const STATE: Schema<State> = v.object({
  version: v.literal(VERSION),
  mesh: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, "Expected the name of a mesh")),
  of: v.optional(v.string()),
  vips: v.record(v.string(), address),
  hosts: v.record(
    v.string(),
    v.object({
      id: hex(16),
      secret: hex(32),
      seconds: v.pipe(v.number(), v.minValue(0)),
      epoch: count(0),
      configuration: hex(64),
    }),
  ),
});

/** A state file, as read once and as written since. */
export class StateFile {
  readonly #path: string;
  readonly #hosts: Map<string, KeptAgent>;
  #mesh: string | undefined;
  readonly #of: string | undefined;
  #vips: Readonly<Record<string, string>>;

  private constructor(path: string, state: State | undefined, of: string | undefined) {
    this.#path = path;
    this.#of = of ?? state?.of;
    this.#mesh = state?.mesh;
    this.#vips = state?.vips ?? {};
    this.#hosts = new Map(Object.entries(state?.hosts ?? {}));
  }

  /**
   * Reads the file, which need not be there, for the mesh that people call `of`.
   *
   * @throws {Error} if it is not this user's alone, damaged, or of another mesh, whose agents
   * would be lost; the message says where.
   */
  static open(path: string, of?: string): StateFile {
    const text = read(path);
    const state = text === undefined ? undefined : parse(path, text);
    if (of !== undefined && state?.of !== undefined && of !== state.of) {
      throw new Error(
        `Cannot use the state file ${path}: it is of the mesh ${state.of}, and this one ` +
          `is ${of}. Name another file; if it is the same mesh, say so by "of" in the file`,
      );
    }
    return new StateFile(path, state, of);
  }

  /** The name of its mesh; undefined for a file that is new. */
  get mesh(): string | undefined {
    return this.#mesh;
  }

  /** The agents that can be taken back, by host. */
  get hosts(): ReadonlyMap<string, KeptAgent> {
    return this.#hosts;
  }

  /**
   * The manifest with the addresses that its hosts had before, where they were found for
   * them and no other host has them.
   */
  withVips(manifest: Manifest): Manifest {
    const kept = manifest.hosts.map(({ name, vip, vipAssigned }) => {
      const before = parseIpv4(this.#vips[name] ?? "");
      return vipAssigned && before !== undefined ? before : vip;
    });
    if (new Set(kept).size < kept.length) return manifest;
    const hosts = manifest.hosts.map((host, index) => {
      const isKept = host.vipAssigned && this.#vips[host.name] !== undefined;
      return isKept ? { ...host, vip: kept[index]!, vipAssigned: false } : host;
    });
    return { ...manifest, hosts };
  }

  /**
   * Begins with the hosts of a manifest, and forgets agents of hosts that are not there.
   *
   * @throws {Error} if the file cannot be written.
   */
  begin(
    mesh: string,
    hosts: Manifest["hosts"],
    isThere: (host: string) => boolean,
  ): void {
    this.#mesh = mesh;
    this.#vips = Object.fromEntries(
      hosts.map(({ name, vip }) => [name, formatIpv4(vip)]),
    );
    for (const name of this.#hosts.keys()) {
      if (!isThere(name)) this.#hosts.delete(name);
    }
    this.#write();
  }

  /** Keeps the agent of a host. @throws {Error} if the file cannot be written. */
  set(host: string, agent: KeptAgent): void {
    this.#hosts.set(host, agent);
    this.#write();
  }

  /** Forgets the agent of a host. @throws {Error} if the file cannot be written. */
  remove(host: string): void {
    if (this.#hosts.delete(host)) this.#write();
  }

  #write(): void {
    const state: State = {
      version: VERSION,
      mesh: this.#mesh!,
      ...(this.#of !== undefined && { of: this.#of }),
      vips: this.#vips,
      hosts: Object.fromEntries(this.#hosts),
    };
    const bytes = new TextEncoder().encode(`${JSON.stringify(state, null, 2)}\n`);
    const beside = join(dirname(this.#path), `.${basename(this.#path)}.${Deno.pid}.new`);
    try {
      try {
        Deno.removeSync(beside); // of a process with this number, long ago
      } catch {
        // As it should be: there is none.
      }
      using file = Deno.openSync(beside, { createNew: true, write: true, mode: MODE });
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
      Deno.renameSync(beside, this.#path);
    } catch (cause) {
      try {
        Deno.removeSync(beside);
      } catch {
        // It was not made, or is left: it can be read by nobody else.
      }
      const message = `Cannot write the state file ${this.#path}: ${messageOf(cause)}`;
      throw new Error(message, { cause });
    }
  }
}

/** The text of the file; undefined if there is none. */
function read(path: string): string | undefined {
  const refuse = (why: string): never => {
    throw new Error(`Cannot use the state file ${path}: ${why}`);
  };
  try {
    const { isFile: isPlain, isDirectory, isSymlink } = Deno.lstatSync(path);
    if (isDirectory) {
      refuse(`it is a folder; name a file, such as ${join(path, "mesh.state")}`);
    }
    if (isSymlink) refuse("it is a link; name the file that it leads to");
    if (!isPlain) refuse("it is no plain file; name another path");
    using file = Deno.openSync(path);
    const { isFile, uid, mode, size } = file.statSync();
    const me = Deno.build.os === "windows" ? null : Deno.uid();
    if (!isFile) refuse("it is no plain file; name another path");
    if (me !== null && uid !== me) {
      refuse(`it belongs to another user (uid ${uid}, not ${me}), who may change it`);
    }
    if (me !== null && mode !== null && (mode & 0o077) !== 0) {
      const rights = (mode & 0o777).toString(8).padStart(4, "0");
      refuse(`its mode is ${rights}, and it holds secrets: chmod 600 ${path}`);
    }
    if (size > MOST_BYTES) refuse(`its ${size} bytes are more than ${MOST_BYTES}`);
    const bytes = new Uint8Array(size);
    let length = 0;
    while (length < size) {
      const count = file.readSync(bytes.subarray(length));
      if (count === null) break;
      length += count;
    }
    return new TextDecoder().decode(bytes.subarray(0, length));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Error && error.message.startsWith("Cannot use")) throw error;
    return refuse(messageOf(error));
  }
}

/** @throws {Error} that says where, and shows nothing of the text, which has secrets. */
function parse(path: string, text: string): State {
  if (text.trim() === "") throw damaged(path, "it is empty");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const { line, column } = placeOf(text);
    throw damaged(`${path}:${line}:${column}`, "it is no JSON from here on");
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version !== VERSION) {
    const why = `another version of NoRouter has written it, in form ${version}`;
    throw damaged(path, `${why}, and this version knows form ${VERSION}`);
  }
  try {
    return check("it", STATE, value);
  } catch (error) {
    throw damaged(path, messageOf(error).replace(/^Cannot read it: /, ""));
  }
}

function damaged(place: string, why: string): Error {
  const advice = "remove it: without the file all agents are started anew";
  return new Error(`Cannot read the state file ${place}: ${why} (${advice})`);
}

/** Where a text stops to be the beginning of JSON. */
function placeOf(text: string): { line: number; column: number } {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isBeginning(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  const lines = text.slice(0, good).split("\n");
  return { line: lines.length, column: lines.at(-1)!.length + 1 };
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = messageOf(error);
    const [, position] = / position (\d+)/.exec(message) ?? [];
    return /end of JSON|Unterminated/.test(message) || Number(position) === text.length;
  }
}
