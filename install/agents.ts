/**
 * The agents that can be put on a host: files of this program for other systems.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { portableExecutable } from "./executable.ts";

/** An architecture, as in the name of a portable executable. */
export type Architecture = "x64" | "arm64";

/** A file for hosts. */
export interface AgentFile {
  /**
   * Tells this content from any other. Ends with `-` and the number that the host
   * compares before an existing file counts as complete: of bytes or, for a pack, of
   * files.
   */
  readonly name: string;
  readonly bytes: number;
  /** Computed on demand. */
  sha256(): Promise<string>;
  /** The content, in order. */
  read(): AsyncIterable<Uint8Array>;
  /**
   * Of a file that checks most of its content by itself; other files run whole, as they
   * lie.
   */
  start?(): Promise<AgentStart>;
  /**
   * Of a pack: the SHA-256 of its files behind each other, in the order of their names.
   */
  contentSha256?(): Promise<string>;
}

/** The part of a file that runs without being unpacked. */
export interface AgentStart {
  /** Its first bytes. */
  readonly bytes: number;
  /** Of these. */
  readonly sha256: string;
  /** The folder unpacked beside the file; without this folder all of the file is run. */
  readonly folder: string;
}

/** The variable that names a folder with portable executables. */
export const AGENTS_VARIABLE = "NOROUTER_AGENTS";

/** Pipes take these whole. While a piece is on a slow way, no progress is told. */
const CHUNK_BYTES = 64 * 1024;
/** The launcher says in its first lines which content follows. */
const HEAD_BYTES = 4096;

/** The files at hand. */
export interface AgentFiles {
  readonly x64?: AgentFile | undefined;
  readonly arm64?: AgentFile | undefined;
  /** The program alone, for hosts that have deno. */
  readonly pack?: AgentFile | undefined;
}

/** All that is at hand. */
export async function agentFiles(): Promise<AgentFiles> {
  const [x64, arm64, pack] = await Promise.all([
    portableFile("x64"),
    portableFile("arm64"),
    programPack(),
  ]);
  return { x64, arm64, pack };
}

/** The portable executable for Linux on an architecture, if at hand. */
async function portableFile(
  architecture: Architecture,
): Promise<AgentFile | undefined> {
  for (const path of placesOf(architecture)) {
    const head = await headOf(path);
    if (head !== undefined) return await fileOf(path, head);
  }
  return undefined;
}

/**
 * Where a portable executable may be: a folder of the user's, beside this very program,
 * the build of a checkout.
 */
function placesOf(architecture: Architecture): string[] {
  const file = `norouter-linux-${architecture}`;
  const folder = Deno.env.get(AGENTS_VARIABLE);
  const own = portableExecutable();
  const isOwn = ownArchitecture() === architecture;
  return [
    ...folder ? [`${folder}/${file}`] : [],
    ...own && isOwn ? [own] : [],
    ...own ? [`${own.slice(0, own.lastIndexOf("/"))}/${file}`] : [],
    ...checkoutPath(`dist/${file}`),
  ];
}

function checkoutPath(path: string): string[] {
  const url = new URL(`../${path}`, import.meta.url);
  return url.protocol === "file:" ? [fileURLToPath(url)] : [];
}

/** The first lines of a portable executable, about itself. */
interface Head {
  /** Names its contents. */
  readonly name: string;
  /** Where that begins, in bytes. */
  readonly dataAt: number | undefined;
}

/** Nothing for another file. */
async function headOf(path: string): Promise<Head | undefined> {
  try {
    const text = new TextDecoder("latin1").decode(await beginningOf(path, HEAD_BYTES));
    const name = /^hash=([0-9a-f]{16})$/m.exec(text)?.[1];
    const dataAt = /^data_at=([0-9]{1,7})$/m.exec(text)?.[1];
    return name === undefined
      ? undefined
      : { name, dataAt: dataAt ? Number(dataAt) : undefined };
  } catch {
    return undefined;
  }
}

/** The first bytes of a file, as many as there are. */
async function beginningOf(
  path: string,
  bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  const beginning = new Uint8Array(bytes);
  let at = 0;
  while (at < bytes) {
    const got = await file.read(beginning.subarray(at));
    if (got === null) break;
    at += got;
  }
  return beginning.subarray(0, at);
}

/** The hash of the file sent last, for hosts that start at once. */
let lastSum: { readonly key: string; readonly sum: Promise<string> } | undefined;

async function fileOf(path: string, { name, dataAt }: Head): Promise<AgentFile> {
  const { size, mtime } = await Deno.stat(path);
  async function* read(): AsyncGenerator<Uint8Array> {
    using file = await Deno.open(path);
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const got = await file.read(chunk);
      if (got === null) return;
      yield chunk.subarray(0, got);
    }
  }
  const sumUp = async () => {
    const hash = createHash("sha256");
    for await (const chunk of read()) hash.update(chunk);
    return hash.digest("hex");
  };
  return {
    name: `${name}-${size}`,
    bytes: size,
    read,
    ...(dataAt !== undefined && {
      async start() {
        const sha256 = sumOf(await beginningOf(path, dataAt));
        return { bytes: dataAt, sha256, folder: name };
      },
    }),
    sha256() {
      const key = `${size} ${mtime?.getTime()} ${path}`;
      if (lastSum?.key !== key) lastSum = { key, sum: sumUp() };
      return lastSum.sum;
    },
  };
}

/** The folder form of a portable executable. */
export interface AgentFolder {
  /** Tells this content from any other. */
  readonly name: string;
  readonly path: string;
}

/** The folder form for an architecture. Rejects with advice if not at hand. */
export async function folderOf(architecture: Architecture): Promise<AgentFolder> {
  const name = `norouter-linux-${architecture}`;
  const folder = Deno.env.get(AGENTS_VARIABLE);
  const here = new URL("../", import.meta.url);
  const places = [
    ...folder ? [`${folder}/folders/${name}`, `${folder}/${name}`] : [],
    ...here.protocol === "file:" && architecture === ownArchitecture()
      ? [fileURLToPath(here).replace(/\/$/, "")] // where this program is unpacked
      : [],
    ...checkoutPath(`dist/folders/${name}`),
  ];
  for (const path of places) {
    try {
      await Deno.stat(`${path}/ld.so`);
      const content = (await Deno.readTextFile(`${path}/ok`)).trim();
      if (/^[0-9a-f]{16}$/.test(content)) return { path, name: content };
    } catch { /* not there */ }
  }
  throw new Error(
    `the host has no shell, so it needs the folder ${name}, which is not at hand: unpack ` +
      `${name}.tar.gz into a folder that ${AGENTS_VARIABLE} names; a checkout makes it by ` +
      `"deno task portable ${architecture}"`,
  );
}

function ownArchitecture(): Architecture | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return Deno.build.arch === "aarch64" ? "arm64" : "x64";
}

/** The architecture of a machine, as written by `uname -m` or in an image. */
export function architectureOf(machine: string): Architecture | undefined {
  if (/^(x86_64|amd64)$/.test(machine)) return "x64";
  if (/^(aarch64|arm64)$/.test(machine)) return "arm64";
  return undefined;
}

let pack: Promise<AgentFile | undefined> | undefined;

/** The program alone, for hosts that have deno, if at hand as a bundle. */
function programPack(): Promise<AgentFile | undefined> {
  pack ??= findPack();
  return pack;
}

async function findPack(): Promise<AgentFile | undefined> {
  const here = new URL("./", import.meta.url);
  const folders = here.protocol !== "file:" ? [] : [
    fileURLToPath(here), // in a bundle, where all modules are in one folder
    ...checkoutPath("dist/folders/norouter-linux-x64/app/"),
  ];
  for (const folder of folders) {
    try {
      await Deno.stat(`${folder}build.json`);
      const { bytes, files } = await packFolder(folder);
      const sum = sumOf(bytes);
      return {
        name: `${sum.slice(0, 16)}-${files}`,
        bytes: bytes.length,
        sha256: () => Promise.resolve(sum),
        contentSha256: () => Promise.resolve(sumOf(contentOf(bytes))),
        async *read() {
          for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
            yield bytes.slice(at, at + CHUNK_BYTES);
          }
        },
      };
    } catch { /* not a bundle */ }
  }
  return undefined;
}

/** The files of a bundle: a table in JSON behind its length, then their bytes. */
async function packFolder(
  folder: string,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; files: number }> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) if (isFile) names.push(name);
  const files: [string, Uint8Array<ArrayBuffer>][] = [];
  for (const name of names.sort()) {
    files.push([`app/${name}`, await Deno.readFile(`${folder}${name}`)]);
  }
  return { bytes: await packOf(files), files: files.length };
}

/**
 * Names and contents as a pack: a table in JSON behind its length, then the contents.
 */
export async function packOf(
  files: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>])[],
): Promise<Uint8Array<ArrayBuffer>> {
  const table = files.map(([name, bytes]) => [name, bytes.length]);
  const json = new TextEncoder().encode(JSON.stringify(table));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length);
  return await new Blob([length, json, ...files.map(([, bytes]) => bytes)]).bytes();
}

/** The contents behind the table of a pack. */
export function contentOf(pack: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return pack.subarray(4 + new DataView(pack.buffer, pack.byteOffset).getUint32(0));
}

/** The SHA-256 of bytes, in hexadecimal. */
function sumOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
