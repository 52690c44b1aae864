// From a file, or standard input, to a checked manifest.
import { dirname } from "node:path";
import { ManifestError, type Position } from "./diagnostic.ts";
import { type Manifest, parseManifest, type ParseOptions } from "./manifest.ts";
import { type PluginLoader, readWithPlugins } from "./plugins.ts";

/** The largest manifest that is read, in bytes; real ones have a few thousand. */
const MAX_BYTES = 16 * 2 ** 20;

/** What a manifest read from standard input is called in messages. */
const STDIN = "<stdin>";

/** What loading a manifest needs beside its path. */
export interface LoadOptions
  extends Omit<ParseOptions, "path" | "folder" | "findPlugin"> {
  /** Loads the plug-ins that it names. Left out, naming one is an error. */
  readonly plugins?: PluginLoader;
}

/**
 * Reads and checks a manifest file; `-` reads standard input. Without `env` the variables
 * that it names are those of this process.
 *
 * @throws {ManifestError} with all errors of the file at once, also where the file
 * cannot be read.
 */
export async function loadManifest(
  path: string,
  options: LoadOptions,
): Promise<Manifest> {
  const name = path === "-" ? STDIN : path;
  const bytes = await readBytes(path, name);
  const { transports, plugins, env = (name) => Deno.env.get(name) } = options;
  const text = decode(bytes, name);
  const base = path === "-" ? "." : dirname(path);
  return await readWithPlugins(base, plugins, (findPlugin) =>
    parseManifest(text, {
      path: name,
      folder: base,
      transports,
      env,
      ...(findPlugin && { findPlugin }),
    }));
}

async function readBytes(path: string, name: string): Promise<Uint8Array> {
  if (path === "-") return await readAtMost(Deno.stdin, name);
  try {
    // Windows refuses to open a directory, with a reason that helps nobody.
    if ((await Deno.stat(path)).isDirectory) throw new Deno.errors.IsADirectory();
    using file = await Deno.open(path);
    return await readAtMost(file, name);
  } catch (cause) {
    if (cause instanceof ManifestError) throw cause;
    throw refuse(nowhere(name), `cannot read the manifest: ${reason(cause)}`, cause);
  }
}

async function readAtMost(
  source: { read(into: Uint8Array): Promise<number | null> },
  name: string,
): Promise<Uint8Array> {
  let buffer = new Uint8Array(64 * 1024);
  let length = 0;
  for (;;) {
    const count = await source.read(buffer.subarray(length));
    if (count === null) return buffer.subarray(0, length);
    length += count;
    if (length > MAX_BYTES) {
      const limit = `${MAX_BYTES / 2 ** 20} MiB`;
      throw refuse(nowhere(name), `the manifest is larger than ${limit}`);
    }
    if (length === buffer.length) {
      const larger = new Uint8Array(Math.min(length * 2, MAX_BYTES + 1));
      larger.set(buffer);
      buffer = larger;
    }
  }
}

function decode(bytes: Uint8Array, name: string): string {
  if (decodes(bytes, {})) return new TextDecoder().decode(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xfe || bytes[0] === 0xfe && bytes[1] === 0xff) {
    throw refuse(nowhere(name), "the manifest is UTF-16 text; wanted UTF-8");
  }
  // The longest prefix without a fault, by bisection.
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (decodes(bytes.subarray(0, middle), { stream: true })) good = middle;
    else bad = middle;
  }
  const before = new TextDecoder().decode(bytes.subarray(0, good), { stream: true });
  const lines = before.split("\n");
  const at = { file: name, line: lines.length, column: lines.at(-1)!.length + 1 };
  const mark = bytes[0] === 0xef && bytes[1] === 0xbb ? 3 : 0; // not part of the text
  const first = bytes[new TextEncoder().encode(before).length + mark]!;
  const byte = `0x${first.toString(16).padStart(2, "0")}`;
  throw refuse(at, `the byte ${byte} here is not part of UTF-8 text`);
}

function decodes(bytes: Uint8Array, options: TextDecodeOptions): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, options);
    return true;
  } catch {
    return false;
  }
}

function reason(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  if (cause instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (cause instanceof Deno.errors.PermissionDenied) return "permission denied";
  return cause instanceof Error ? cause.message : String(cause);
}

function nowhere(file: string): Position {
  return { file, line: 0, column: 0 };
}

function refuse(at: Position, message: string, cause?: unknown): ManifestError {
  return new ManifestError([{ severity: "error", at, message, failsCheck: true }], {
    cause,
  });
}
