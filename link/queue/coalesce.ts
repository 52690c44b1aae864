/**
 * Coalesce: many frames into few writes, mostly without touching their bytes.
 *
 * @module
 */

import type { Frame } from "../../wire/frame.ts";

/**
 * Pieces below this are worth copying together, since a system call of their own costs
 * more than the copy.
 */
const JOIN_BYTES = 16 * 1024;

/**
 * Turns frames into buffers to write in sequence. Frames that follow each other in a
 * buffer, as they do when they were read together, become a view of up to `maxBytes`;
 * small neighbours are copied into a fresh buffer of up to `maxBytes`.
 */
export function coalesce(frames: readonly Frame[], maxBytes: number): Uint8Array[] {
  return join(span(frames, maxBytes), maxBytes);
}

/** Merges views that touch. */
function span(frames: readonly Frame[], maxBytes: number): Uint8Array[] {
  const spans: Uint8Array[] = [];
  for (let i = 0; i < frames.length;) {
    const first = frames[i++]!.bytes;
    let length = first.length;
    for (; i < frames.length; i++) {
      const next = frames[i]!.bytes;
      if (next.byteOffset !== first.byteOffset + length) break;
      if (next.buffer !== first.buffer || length + next.length > maxBytes) break;
      length += next.length;
    }
    spans.push(
      length === first.length
        ? first
        : new Uint8Array(first.buffer, first.byteOffset, length),
    );
  }
  return spans;
}

/** Copies runs of small pieces together. */
function join(pieces: Uint8Array[], maxBytes: number): Uint8Array[] {
  if (pieces.length < 2) return pieces;
  const writes: Uint8Array[] = [];
  for (let i = 0; i < pieces.length;) {
    const start = i;
    let length = 0;
    while (i < pieces.length && pieces[i]!.length < JOIN_BYTES) {
      if (length + pieces[i]!.length > maxBytes && i > start) break;
      length += pieces[i++]!.length;
    }
    if (i - start < 2) {
      if (i === start) i++;
      writes.push(pieces[start]!);
      continue;
    }
    const joined = new Uint8Array(length);
    let at = 0;
    for (let j = start; j < i; j++) {
      joined.set(pieces[j]!, at);
      at += pieces[j]!.length;
    }
    writes.push(joined);
  }
  return writes;
}
