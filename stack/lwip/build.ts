/**
 * Builds `stack/lwip.wasm` from lwIP's release and the glue beside this file, with a
 * compiler that is itself WebAssembly: no native toolchain, the same bytes everywhere.
 *
 * lwIP's source comes from the first of: `LWIP_SRC` (a folder holding `src/core`), the
 * cache of an earlier build, Debian's source package where apt-get and a Debian mirror
 * are set up, the upstream release. From any of them, a hash over the files used must
 * match; and a build whose inputs did not change is skipped.
 *
 * ```sh
 * deno task build [--force]
 * ```
 *
 * @module
 */
import { PATCHES } from "./patches.ts";
import { LWIP_SHA256, lwipSource } from "./source.ts";
import { LWIP_VERSION } from "./version.ts";

const CLANG = "22.0.0-git20542-10";
/** 256 MiB of addresses, fixed: growing would detach the views that reads under way fill. */
const MEMORY_BYTES = 256 << 20;
const SECTION = "norouter.inputs";
const FLAGS = [
  "--target=wasm32-unknown-unknown",
  "-O3",
  "-msimd128",
  "-mbulk-memory",
  "-mmutable-globals",
  "-ffreestanding",
  "-fno-builtin-memcmp",
  "-Wall",
  "-Wextra",
  "-Wno-unused-parameter",
  "-Wno-incompatible-library-redeclaration",
  "-Wno-tautological-constant-out-of-range-compare",
  "-Iglue",
  "-Iglue/libc",
  "-Ilwip/include",
];
const LINK_FLAGS = [
  "--no-entry",
  "--strip-all",
  "--stack-first", // an overflow traps instead of writing over data
  "-z",
  "stack-size=65536",
  `--initial-memory=${MEMORY_BYTES}`,
  `--max-memory=${MEMORY_BYTES}`,
];
type Tree = { [name: string]: Tree | Uint8Array };

const here = new URL("./", import.meta.url);
const output = new URL("../lwip.wasm", import.meta.url);

async function sha256(parts: BlobPart[]): Promise<string> {
  const all = new Uint8Array(await new Blob(parts).arrayBuffer());
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex();
}

/** Every `.c` and `.h` beside this file and below, by its path. */
async function glueFiles(): Promise<Map<string, Uint8Array>> {
  const paths: string[] = [];
  const list = async (folder: string) => {
    for await (
      const { name, isDirectory } of Deno.readDir(new URL(`./${folder}`, here))
    ) {
      if (isDirectory) await list(`${folder}${name}/`);
      else if (/\.[ch]$/.test(name)) paths.push(folder + name);
    }
  };
  await list("");
  const files = new Map<string, Uint8Array>();
  for (const path of paths.sort()) {
    files.set(path, await Deno.readFile(new URL(path, here)));
  }
  return files;
}

/** The inputs of the result: the glue, the flags, the compiler, and lwIP's hash. */
async function inputsHash(glue: Map<string, Uint8Array>): Promise<string> {
  const settings = [
    CLANG,
    LWIP_VERSION,
    LWIP_SHA256,
    ...FLAGS,
    ...LINK_FLAGS,
    JSON.stringify(PATCHES),
  ];
  const parts: BlobPart[] = [settings.join("\n")];
  for (const [name, bytes] of glue) {
    parts.push(`\n${name} ${bytes.length}\n`, bytes as BlobPart);
  }
  return await sha256(parts);
}

/** The inputs' hash that an existing module carries in a section of its own. */
async function builtFrom(file: URL): Promise<string | undefined> {
  try {
    const module = await WebAssembly.compile(await Deno.readFile(file));
    const [section] = WebAssembly.Module.customSections(module, SECTION);
    return section && new TextDecoder().decode(section);
  } catch {
    return undefined; // missing or damaged: build
  }
}

function withSection(module: Uint8Array, name: string, text: string): Uint8Array {
  const encoder = new TextEncoder();
  const [nameBytes, textBytes] = [encoder.encode(name), encoder.encode(text)];
  const size = 1 + nameBytes.length + textBytes.length;
  if (size > 127) throw new RangeError(`Section ${name} of ${size} bytes is too long`);
  return new Uint8Array([
    ...module,
    0,
    size,
    nameBytes.length,
    ...nameBytes,
    ...textBytes,
  ]);
}

function place(tree: Tree, path: string, bytes: Uint8Array): void {
  const parts = path.split("/");
  const name = parts.pop()!;
  let folder = tree;
  for (const part of parts) folder = (folder[part] ??= {}) as Tree;
  folder[name] = bytes;
}

function patched(lwip: Map<string, Uint8Array>): Map<string, Uint8Array> {
  const files = new Map(lwip);
  for (const { file, from, to } of PATCHES) {
    const [before, after, ...more] = new TextDecoder().decode(files.get(file)).split(
      from,
    );
    if (after === undefined || more.length > 0) {
      throw new Error(`lwIP's ${file} holds not one "${from}" to be mended`);
    }
    files.set(file, new TextEncoder().encode(before + to + after));
  }
  return files;
}

async function compile(
  glue: Map<string, Uint8Array>,
  lwip: Map<string, Uint8Array>,
): Promise<Uint8Array> {
  const { commands, runLLVM } = await import("@yowasp/clang");
  const tree: Tree = {};
  for (const [path, bytes] of glue) place(tree, `glue/${path}`, bytes);
  for (const [path, bytes] of patched(lwip)) place(tree, `lwip/${path}`, bytes);
  // The glue's files in folders are included by those outside.
  const sources = [
    ...[...glue.keys()].filter((path) => /^[^/]+\.c$/.test(path)).map((path) =>
      `glue/${path}`
    ),
    ...[...lwip.keys()].filter((path) => path.endsWith(".c")).map((path) =>
      `lwip/${path}`
    ),
  ];
  const messages: Uint8Array[] = [];
  const stderr = (bytes: Uint8Array | null) =>
    void (bytes && messages.push(bytes.slice()));
  const stdout = () => {};
  await runLLVM(undefined, {}, { fetchProgress: () => {} }); // loads clang, quietly
  const run = async (tool: "clang" | "wasm-ld", args: string[], files: Tree) => {
    try {
      return (await commands[tool]!(args, files, { stdout, stderr })) as Tree;
    } catch (cause) {
      const said = (await new Blob(messages as BlobPart[]).text()).trim();
      throw new Error(`Cannot ${tool} ${args.join(" ")}: ${said || cause}`, { cause });
    }
  };
  const objects: Tree = {};
  const names: string[] = [];
  for (const source of sources) {
    const object = source.replaceAll("/", "_").replace(/\.c$/, ".o");
    const result = await run("clang", [...FLAGS, "-c", source, "-o", object], tree);
    objects[object] = result[object]!;
    names.push(object);
  }
  const text = (await new Blob(messages as BlobPart[]).text()).trim();
  if (text !== "") console.error(text);
  const linked = await run(
    "wasm-ld",
    [...LINK_FLAGS, ...names, "-o", "lwip.wasm"],
    objects,
  );
  return linked["lwip.wasm"] as Uint8Array;
}

/** Builds `stack/lwip.wasm` unless up to date; `log` is told each step. */
export async function build(
  options: { force?: boolean; log?: (line: string) => void } = {},
): Promise<void> {
  const log = options.log ?? (() => {});
  const glue = await glueFiles();
  const inputs = await inputsHash(glue);
  if (!options.force && await builtFrom(output) === inputs) {
    log("stack/lwip.wasm is up to date");
    return;
  }
  const { files, origin } = await lwipSource(log);
  log(`Compiling lwIP ${LWIP_VERSION} from ${origin}`);
  const started = performance.now();
  const module = withSection(await compile(glue, files), SECTION, inputs);
  const imports = WebAssembly.Module.imports(
    await WebAssembly.compile(module as BufferSource),
  );
  if (imports.length > 0) {
    const names = imports.map((entry) => `${entry.module}.${entry.name}`).join(", ");
    throw new Error(`stack/lwip.wasm must import nothing, but wants ${names}`);
  }
  const temporary = new URL(`../lwip.wasm.${Deno.pid}`, import.meta.url);
  await Deno.writeFile(temporary, module);
  await Deno.rename(temporary, output);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  log(`Built stack/lwip.wasm: ${module.length} bytes in ${seconds} s`);
}

if (import.meta.main) {
  await build({ force: Deno.args.includes("--force"), log: console.error });
}
