/**
 * Writing a file that others read at the same time: they see the old or the new text.
 *
 * A new file takes the place of the old file by `rename`. That is not to be had where the
 * folder is not ours, or where the file is a mount, as /etc/hosts in a container: then
 * the file is written in place.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";

/** Options of {@linkcode replaceFile}. */
export interface ReplaceOptions {
  /** Of a file that is not there yet; the process's mask applies. */
  readonly mode: number;
  /** Keep owner and mode of the file, and write in place where `rename` fails. */
  readonly isSystemFile?: boolean;
}

/** Ways of a system to say: not here, but elsewhere or in another way perhaps. */
const IN_PLACE = new Set(["EBUSY", "EXDEV", "EROFS", "EACCES", "EPERM", "ENOTSUP"]);

/**
 * Makes `bytes` the content of a file.
 *
 * @throws the system's error; then the file is as before, unless writing in place broke
 * off and the old content could not be written either.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  { mode, isSystemFile = false }: ReplaceOptions,
): Promise<void> {
  if (!isSystemFile) return await rename(path, bytes, { mode });
  // A link stays a link: its target is replaced.
  const target = await realPath(path);
  const before = await infoOf(target);
  try {
    await rename(target, bytes, { mode, before });
  } catch (error) {
    if (!before || !IN_PLACE.has(codeOf(error))) throw error;
    await overwrite(target, bytes);
  }
}

interface Kept {
  readonly mode: number;
  readonly before?: Deno.FileInfo | undefined;
}

async function rename(path: string, bytes: Uint8Array, kept: Kept): Promise<void> {
  const { mode, before } = kept;
  const random = crypto.randomUUID().slice(0, 8);
  const temporary = join(dirname(path), `.${basename(path)}.${random}.tmp`);
  let isOurs = false;
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode });
    isOurs = true;
    await writeAll(file, bytes);
    if (before) await imitate(temporary, before);
    // A power cut must not leave a renamed file that is empty.
    await file.syncData();
    file.close();
    await Deno.rename(temporary, path);
  } catch (error) {
    if (isOurs) await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Gives the new file the owner and mode of the old file, or throws if not allowed. */
async function imitate(path: string, { uid, gid, mode }: Deno.FileInfo): Promise<void> {
  if (Deno.build.os === "windows" || mode === null) return;
  const made = await Deno.stat(path);
  if (made.uid !== uid || made.gid !== gid) await Deno.chown(path, uid, gid);
  await Deno.chmod(path, mode & 0o7777);
}

async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  const old = await Deno.readFile(path);
  try {
    await fill(path, bytes);
  } catch (error) {
    await fill(path, old).catch(() => {});
    throw error;
  }
}

/** Cut to its length last, so that the part that stays the same is there at all times. */
async function fill(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await writeAll(file, bytes);
  await file.truncate(bytes.length);
  await file.syncData();
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await file.write(bytes));
}

async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

async function infoOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: string };
  if (code) return code;
  return error instanceof Deno.errors.PermissionDenied ? "EACCES" : "";
}
