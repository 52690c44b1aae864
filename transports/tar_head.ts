/**
 * The first entry of a tar archive, by which `docker cp PATH -` describes a path of a
 * container.
 *
 * @module
 */
import type { PathInfo } from "./mod.ts";

/** Of an archive, in bytes (POSIX ustar). */
const BLOCK = 512;
/** Extended headers before the first entry are shorter. */
const MOST_BYTES = 64 * 1024;

/** Reads the first entry off a stream; undefined if there is none. The rest is left. */
export async function tarHead(
  stream: ReadableStream<Uint8Array>,
): Promise<PathInfo | undefined> {
  let bytes = new Uint8Array();
  let at = 0;
  const reader = stream.getReader();
  try {
    for (;;) {
      while (bytes.length < at + BLOCK) {
        const { value, done } = await reader.read();
        if (done || bytes.length > MOST_BYTES) return undefined;
        const joined = new Uint8Array(bytes.length + value.length);
        joined.set(bytes);
        joined.set(value, bytes.length);
        bytes = joined;
      }
      const header = new TextDecoder("latin1").decode(bytes.subarray(at, at + BLOCK));
      const kind = header[156]!;
      if (!"xg".includes(kind)) return infoOf(header, kind);
      at += BLOCK + Math.ceil(octal(header, 124, 12) / BLOCK) * BLOCK;
    }
  } finally {
    reader.releaseLock();
  }
}

function infoOf(header: string, kind: string): PathInfo | undefined {
  const [mode, uid] = [octal(header, 100, 8), octal(header, 108, 8)];
  if (Number.isNaN(mode) || Number.isNaN(uid)) return undefined;
  const kinds: Record<string, PathInfo["kind"]> = { "5": "folder", "2": "link" };
  return { kind: kinds[kind] ?? "file", mode: mode & 0o7777, uid };
}

function octal(header: string, at: number, length: number): number {
  return parseInt(header.slice(at, at + length).replace(/[\0 ]+$/, ""), 8);
}
