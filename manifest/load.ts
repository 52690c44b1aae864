/**
 * From a file, or standard input, to a checked manifest.
 *
 * @module
 */
import { dirname } from "node:path";
import { decodeManifest } from "./source/decode.ts";
import { ManifestError, type Position } from "./source/diagnostic.ts";
import { openRegular } from "./source/regular_file.ts";
import type { Manifest, ParseOptions } from "./manifest.ts";
import { parseManifest } from "./parse.ts";
import { type PluginLoader, readWithPlugins } from "./plugins.ts";
import { messageOf } from "../wire/text.ts";

/** The largest manifest that is read, in bytes; one of a thousand hosts has half of one. */
const MAX_BYTES = 2 * 2 ** 20;

/** The name, in messages, of a manifest read from standard input. */
const STDIN = "<stdin>";

/** Options of loading a manifest. */
export interface LoadOptions
  extends Omit<ParseOptions, "path" | "folder" | "findPlugin" | "place"> {
  /** Loads the plug-ins of the manifest. If absent, naming a plug-in is an error. */
  readonly plugins?: PluginLoader;
}

/** Options of loading a manifest from its bytes. */
export interface LoadBytesOptions extends LoadOptions {
  /** Where the text comes from, if it is not the content of a file. */
  readonly origin?: Origin | undefined;
}

/** Where a text that a program made comes from, for its user. */
export interface Origin {
  /** In the place of the file's name. */
  readonly name: string;
  /** Where the user has what stands at a place of the text. */
  place(at: Position): Position;
}

/**
 * Reads and checks a manifest file; `-` reads standard input. Without `env`, variables
 * that the manifest names are those of this process.
 *
 * @throws {ManifestError} with all errors of the file at once, also where the file
 * cannot be read.
 */
export async function loadManifest(
  path: string,
  options: LoadOptions,
): Promise<Manifest> {
  return await loadManifestBytes(await readManifestBytes(path), path, options);
}

/** The content of a manifest. */
export interface ManifestContent {
  readonly bytes: Uint8Array;
  /** Whether what was read was a regular file, and no pipe, device or standard input. */
  readonly isRegular: boolean;
}

/**
 * The content of a manifest file, which may be a named pipe; `-` reads standard input.
 *
 * @throws {ManifestError} if the file cannot be read, or is too large.
 */
export async function readManifest(path: string): Promise<ManifestContent> {
  if (path === "-") {
    return { bytes: await readAtMost(Deno.stdin, STDIN), isRegular: false };
  }
  return await reading(path, async () => {
    // Windows refuses to open a directory, with a reason that helps nobody.
    if ((await Deno.stat(path)).isDirectory) throw new Deno.errors.IsADirectory();
    using file = await Deno.open(path);
    const { isFile } = await file.stat();
    return { bytes: await readAtMost(file, path), isRegular: isFile };
  });
}

/** The bytes alone. @throws {ManifestError} likewise. */
export async function readManifestBytes(path: string): Promise<Uint8Array> {
  return (await readManifest(path)).bytes;
}

/**
 * The same once more: only of a regular file, whatever took its place meanwhile, and so
 * without waiting for anybody.
 *
 * @throws {ManifestError} if the file cannot be read, is none, or is too large.
 */
export async function readManifestBytesAgain(path: string): Promise<Uint8Array> {
  return await reading(path, async () => {
    await using file = await openRegular(path);
    return await readAtMost(file, path);
  });
}

/**
 * Reads and checks the bytes of a manifest file, see {@linkcode loadManifest}.
 *
 * @throws {ManifestError} with all errors of the file at once.
 */
export async function loadManifestBytes(
  bytes: Uint8Array,
  path: string,
  options: LoadBytesOptions,
): Promise<Manifest> {
  const { transports, plugins, edits, env = (name) => Deno.env.get(name) } = options;
  const { origin } = options;
  const name = origin?.name ?? (path === "-" ? STDIN : path);
  const { text, warnings } = decodeManifest(bytes, name);
  const base = path === "-" ? "." : dirname(path);
  const manifest = await readWithPlugins(
    base,
    plugins,
    (findPlugin) =>
      parseManifest(text, {
        path: name,
        folder: base,
        transports,
        env,
        ...(findPlugin && { findPlugin }),
        ...(edits && { edits }),
        ...(origin && { place: (at) => origin.place(at) }),
      }),
  );
  return { ...manifest, warnings: [...warnings, ...manifest.warnings] };
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof ManifestError) throw cause;
    throw refuse(nowhere(path), `cannot read the manifest: ${reason(cause)}`, cause);
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

function reason(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  if (cause instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (cause instanceof Deno.errors.PermissionDenied) return "permission denied";
  return messageOf(cause);
}

function nowhere(file: string): Position {
  return { file, line: 0, column: 0 };
}

function refuse(at: Position, message: string, cause?: unknown): ManifestError {
  return new ManifestError([{ severity: "error", at, message, failsCheck: true }], {
    cause,
  });
}
