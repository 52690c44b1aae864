/**
 * Regular files, opened so that nothing waits: to open a FIFO waits for its writer, for ever
 * if there is none, and to open a device may do anything.
 *
 * @module
 */

/** Something is there, which is no regular file. */
export class NotRegularError extends Error {
  override readonly name = "NotRegularError";

  /** `kind` is what is there, such as "a named pipe (FIFO)". */
  constructor(kind: string) {
    super(`it is ${kind} and no regular file`);
  }
}

/** An open file; closed when it is disposed of. */
export interface RegularFile extends AsyncDisposable {
  /** Bytes that were read; null at the end of the file. */
  read(into: Uint8Array): Promise<number | null>;
}

/**
 * Opens a file for reading, if it is a regular one.
 *
 * @throws {NotRegularError} if it is not.
 * @throws {Error} of the system.
 */
export async function openRegular(path: string): Promise<RegularFile> {
  const info = await Deno.stat(path);
  if (!info.isFile) throw new NotRegularError(kindOf(info));
  // Loaded here, since a start needs it only for plug-ins.
  const { constants, promises } = await import("node:fs");
  // Something else may be there by now. Windows has neither the flag nor FIFOs.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const file = await promises.open(path, flags);
  try {
    if (!(await file.stat()).isFile()) throw new NotRegularError("something else by now");
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    read: async (into) => (await file.read(into, 0, into.length)).bytesRead || null,
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** The bytes of a regular file. @throws {Error} as {@linkcode openRegular}. */
export async function readRegular(path: string): Promise<Uint8Array<ArrayBuffer>> {
  await using file = await openRegular(path);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const chunk = new Uint8Array(64 * 1024);
    const count = await file.read(chunk);
    if (count === null) return await new Blob(chunks).bytes();
    chunks.push(chunk.subarray(0, count));
  }
}

function kindOf(info: Deno.FileInfo): string {
  if (info.isDirectory) return "a directory";
  if (info.isFifo) return "a named pipe (FIFO)";
  if (info.isSocket) return "a socket";
  if (info.isCharDevice || info.isBlockDevice) return "a device";
  return "something else";
}
