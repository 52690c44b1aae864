/**
 * Text of a character for each byte (latin1), as bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ByteStream } from "../edge/stream.ts";

const encoder = new TextEncoder();
/** Parts go together in a write up to this; to join larger parts would cost more. */
const JOINED = 65_536;

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  // Almost always all characters are ASCII, for which this is far the fastest way.
  const { written, read } = encoder.encodeInto(text, bytes);
  const isAscii = written === text.length && read === text.length;
  return isAscii ? bytes : Buffer.from(text, "latin1");
}

/** The text of bytes. */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

/** Writes parts, small ones together. */
export async function writeParts(
  stream: Pick<ByteStream, "write">,
  parts: readonly Uint8Array[],
): Promise<void> {
  for (let at = 0; at < parts.length;) {
    const first = at;
    let size = parts[at++]!.length;
    while (at < parts.length && size + parts[at]!.length <= JOINED) {
      size += parts[at++]!.length;
    }
    if (size === 0) continue;
    const some = parts.slice(first, at);
    await stream.write(some.length === 1 ? some[0]! : Buffer.concat(some, size));
  }
}
