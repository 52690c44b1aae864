/**
 * Builds the portable executables for Linux: one file that carries deno, glibc and the program,
 * and the same as a folder, for hosts without a shell.
 *
 * The file is a shell script (`launcher.sh`) with data behind it, in blocks, so that `dd` can
 * cut them out: uncompressed, the loader and zstd with its libraries; then deno and its
 * libraries, compressed; then everything else in a compressed pack.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Argument, Command } from "commander";
import config from "../deno.json" with { type: "json" };
import { run } from "../stack/lwip/debian.ts";
import { bundle, licences } from "./program.ts";
import {
  type Architecture,
  type Carried,
  DENO_LIBRARIES,
  type Runtime,
  runtimeFor,
  ZSTD_LIBRARIES,
} from "./runtime.ts";

const BLOCK = 16 * 1024;
/** Milliseconds between two lines that say that compressing goes on. */
const TELL_EVERY = 15_000;
const root = fileURLToPath(new URL("../", import.meta.url));
const cache = `${root}.cache`;

/** The results of a build. */
export interface Portable {
  /** The single file. */
  readonly file: string;
  /** The folder. */
  readonly folder: string;
}

/** Builds both for an architecture into `output`. */
export async function buildPortable(
  architecture: Architecture,
  output: string,
  log: (line: string) => void,
): Promise<Portable> {
  const name = `norouter-linux-${architecture}`;
  const runtime = await runtimeFor(architecture, log);
  const host = architecture === "x64" ? runtime : await runtimeFor("x64", log);
  const work = await Deno.makeTempDir({ prefix: "norouter-portable-" });
  try {
    const program = await bundle(work, log);
    const texts = await licences(work, { packages: runtime.packages, architecture });
    const rest = [...program, ...texts, ...runtime.licences];
    const folder = `${output}/folders/${name}`;
    const file = `${output}/${name}`;
    await writeFolder(folder, runtime, rest);
    const plan = { architecture, runtime, rest, zstd: zstdOf(host), work, log };
    // By its name an agent that was copied is known.
    await Deno.writeTextFile(`${folder}/ok`, `${await writeFile(file, plan)}\n`);
    return { file, folder };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The directory form. */
async function writeFolder(
  folder: string,
  { deno, loader, libraries }: Runtime,
  rest: readonly Carried[],
): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const kept = libraries.filter(isOfDeno);
  for (const { name, path } of [deno, loader, ...kept, ...rest]) {
    const target = `${folder}/${name}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(path, target);
    await Deno.chmod(target, name === "deno" || name === "ld.so" ? 0o755 : 0o644);
  }
  await Deno.writeTextFile(`${folder}/norouter`, await scriptOf("folder"));
  await Deno.chmod(`${folder}/norouter`, 0o755);
}

/** A script of this folder, with the parts that it has in common with that for hosts. */
export async function scriptOf(name: "folder" | "launcher"): Promise<string> {
  const read = (path: string) => Deno.readTextFile(new URL(path, import.meta.url));
  const [script, guard, attach] = await Promise.all(
    [`${name}.sh`, "../install/guard.sh", "../install/attach.sh"].map(read),
  );
  // By functions, as a text could have signs that mean something in a replacement.
  return script!.replace("@GUARD@", () => guard!).replace("@ATTACH@", () => attach!);
}

function isOfDeno({ name }: Carried): boolean {
  const library = name.replace(/^lib\//, "");
  return DENO_LIBRARIES.includes(library) || library === ZSTD_LIBRARIES[0];
}

/** zstd of this machine's architecture, as a command. */
function zstdOf({ loader, libraries, zstd }: Runtime): string[] {
  const path = [...new Set(libraries.map(({ path }) => path.replace(/\/[^/]*$/, "")))];
  return [loader.path, "--library-path", path.join(":"), zstd.path];
}

interface FilePlan {
  readonly architecture: Architecture;
  readonly runtime: Runtime;
  readonly rest: readonly Carried[];
  readonly zstd: readonly string[];
  readonly work: string;
  readonly log: (line: string) => void;
}

/** Data behind the script. */
interface Entry {
  /** Below the folder of the program. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly isCompressed: boolean;
}

/** Writes the single file; gives the hash of its content. */
async function writeFile(file: string, plan: FilePlan): Promise<string> {
  const { runtime: { deno, loader, zstd, libraries }, rest, architecture } = plan;
  const raw = [
    loader,
    zstd,
    ...libraries.filter(({ name }) =>
      ZSTD_LIBRARIES.some((library) => name === `lib/${library}`)
    ),
  ];
  const compressed = [deno, ...libraries.filter((library) => !raw.includes(library))];
  const pack = { name: "pack", path: `${plan.work}/pack` };
  const packed = await packOf(rest);
  await Deno.writeFile(pack.path, packed);
  const entries: Entry[] = [];
  for (const { name, path } of raw) {
    entries.push({ name, bytes: filled(await Deno.readFile(path)), isCompressed: false });
  }
  for (const each of [...compressed, pack]) {
    const bytes = await compress(each, plan);
    entries.push({ name: each.name, bytes, isCompressed: true });
  }
  const all = [deno, loader, zstd, ...libraries];
  let size = packed.length * 2;
  for (const { path } of all) size += (await Deno.stat(path)).size;
  const script = await scriptOf("launcher");
  const hash = await hashOf(script, entries);
  const values: Record<string, string> = {
    SUM: await sumOfRun([deno, loader, ...libraries, ...rest], entries),
    VERSION: config.version,
    ARCH: architecture,
    BLOCK: `${BLOCK}`,
    NEED_MB: `${Math.ceil(size / 1e6 / 10) * 10}`,
    HASH: hash,
  };
  const text = script.replace(
    /@(VERSION|ARCH|BLOCK|NEED_MB|HASH|SUM)@/g,
    (_, name) => values[name]!,
  );
  const head = new TextEncoder().encode(withEntries(text, entries));
  using output = await Deno.open(file, { write: true, create: true, truncate: true });
  for (const bytes of [filled(head), ...entries.map(({ bytes }) => bytes)]) {
    for (let at = 0; at < bytes.length;) at += await output.write(bytes.subarray(at));
  }
  await Deno.chmod(file, 0o755);
  return hash;
}

/**
 * The SHA-256 of the unpacked files that run, concatenated as by `cat` with names that a
 * shell sorts in the locale C.
 */
async function sumOfRun(
  files: readonly Carried[],
  entries: readonly Entry[],
): Promise<string> {
  const below = (folder: string) =>
    files.filter(({ name }) => name.startsWith(folder))
      .toSorted((a, b) => a.name < b.name ? -1 : 1);
  const named = (name: string) => files.filter((file) => file.name === name);
  const libraries = below("lib/").filter(isOfDeno);
  const run = [...named("ld.so"), ...named("deno"), ...libraries, ...below("app/")];
  return await sha256(
    await Promise.all(run.map(async ({ name, path }) => {
      const raw = entries.find((entry) => entry.name === name && !entry.isCompressed);
      return (raw?.bytes ?? await Deno.readFile(path)) as BlobPart;
    })),
  );
}

/** As `dd` cuts it out: filled to whole blocks by zeros. */
function filled(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(blocksOf(bytes) * BLOCK);
  whole.set(bytes);
  return whole;
}

function blocksOf(bytes: Uint8Array): number {
  return Math.ceil(bytes.length / BLOCK);
}

/** The script with the commands that cut out the entries; their places depend on its length. */
function withEntries(script: string, entries: readonly Entry[]): string {
  const fill = (first: number) => {
    let at = first;
    const lines = { RAW: "", COMPRESSED: "" };
    for (const { name, bytes, isCompressed } of entries) {
      const count = blocksOf(bytes);
      const [key, command] = isCompressed
        ? ["COMPRESSED", "unzstd"] as const
        : ["RAW", "cut"] as const;
      lines[key] += `  write "$new/${name}" ${command} ${at} ${count} || return\n`;
      at += count;
    }
    return script.replace("@DATA_AT@", `${first * BLOCK}`).replace(
      /@(RAW|COMPRESSED)@\n/g,
      (_, key) => lines[key as keyof typeof lines],
    );
  };
  // More blocks only ever make the text longer.
  for (let blocks = 1;;) {
    const text = fill(blocks);
    const needed = blocksOf(new TextEncoder().encode(text));
    if (needed === blocks) return text;
    blocks = needed;
  }
}

/** Everything but programs and libraries: a table in JSON behind its length, then the files. */
async function packOf(files: readonly Carried[]): Promise<Uint8Array<ArrayBuffer>> {
  const contents: Uint8Array<ArrayBuffer>[] = [];
  for (const { path } of files) contents.push(await Deno.readFile(path));
  const table = files.map(({ name }, index) => [name, contents[index]!.length]);
  const json = new TextEncoder().encode(JSON.stringify(table));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length);
  return await new Blob([length, json, ...contents]).bytes();
}

/** Compresses a file, or takes an earlier build's result for the same bytes. */
async function compress(
  { name, path }: Carried,
  { zstd, log }: FilePlan,
): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  // A longer window would save 0.5 MB and take 100 MB of memory to unpack.
  const level = ["-19", "--check", "--single-thread"];
  const kept = `${cache}/zstd-${await sha256([level.join(" "), bytes])}`;
  try {
    return await Deno.readFile(kept);
  } catch { /* not yet */ }
  const size = (bytes.length / 1e6).toFixed(1);
  const time = bytes.length > 10e6 ? "; a minute or some, only the first time" : "";
  log(`Compressing ${name}, ${size} MB${time}`);
  const part = `${kept}.${Deno.pid}`;
  const started = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - started) / 1000);
    log(`Still compressing ${name} after ${seconds} s`);
  }, TELL_EVERY);
  try {
    await run([...zstd, ...level, "--quiet", "--force", path, "-o", part], { cwd: root });
  } finally {
    clearInterval(timer);
  }
  const compressed = padded(await Deno.readFile(part));
  await Deno.remove(part);
  await Deno.writeFile(part, compressed);
  await Deno.rename(part, kept);
  return compressed;
}

/** Filled to whole blocks by a frame that decoders skip (RFC 8878, 3.1.2). */
function padded(frame: Uint8Array): Uint8Array {
  const room = (length: number) => Math.ceil(length / BLOCK) * BLOCK;
  const bytes = new Uint8Array(room(frame.length + 8));
  bytes.set(frame);
  const view = new DataView(bytes.buffer);
  view.setUint32(frame.length, 0x184d2a50, true);
  view.setUint32(frame.length + 4, bytes.length - frame.length - 8, true);
  return bytes;
}

async function hashOf(script: string, entries: readonly Entry[]): Promise<string> {
  const parts: BlobPart[] = [script];
  for (const { name, bytes } of entries) {
    parts.push(`\n${name} ${bytes.length}\n`, bytes as BlobPart);
  }
  return (await sha256(parts)).slice(0, 16);
}

async function sha256(parts: BlobPart[]): Promise<string> {
  const bytes = await new Blob(parts).bytes();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

if (import.meta.main) {
  const program = new Command("deno task portable")
    .description("Makes portable executables for Linux.")
    .addArgument(
      new Argument("[architecture...]").choices(["x64", "arm64"]).default(["x64"]),
    )
    .option("--output <folder>", "where they go", `${root}dist`)
    .parse(Deno.args, { from: "user" });
  const { output } = program.opts<{ output: string }>();
  for (const architecture of program.processedArgs[0] as Architecture[]) {
    const { file } = await buildPortable(architecture, output, console.error);
    const { size } = await Deno.stat(file);
    console.error(`Built ${file}: ${(size / 1e6).toFixed(1)} MB`);
  }
}
