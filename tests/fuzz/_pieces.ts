/**
 * The pieces of several targets' cases: bytes as text, places to cut, and edits.
 *
 * @module
 */
import fc from "fast-check";
import { Buffer } from "node:buffer";

/** Latin1 text to bytes: so cases with any bytes stay readable in their file. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

/** Bytes to latin1 text. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** Any bytes, as latin1 text. */
export function anyBytes(maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength }).map(textOf);
}

/** Where a stream is cut into pieces; each modulo the stream's length. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(1_000_000), {
  maxLength: 12,
});

/** Cuts at these places. No piece is empty. */
export function cut<T extends Uint8Array | string>(
  stream: T,
  places: readonly number[],
): T[] {
  const ends = places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b);
  const pieces: T[] = [];
  let from = 0;
  for (const end of [...ends, stream.length]) {
    if (end > from) pieces.push(stream.slice(from, end) as T);
    from = Math.max(from, end);
  }
  return pieces;
}

/** A change to a text: `remove` characters at `at` (modulo its length) give way to `insert`. */
export interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** Up to `maxLength` edits that insert some of `tokens`, or any bytes. */
export function editsOf(
  tokens: readonly string[],
  maxLength: number,
): fc.Arbitrary<Edit[]> {
  const insert = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("", ...tokens) },
    { weight: 1, arbitrary: anyBytes(4) },
  );
  const edit = fc.record({ at: fc.nat(100_000), remove: fc.nat(12), insert });
  return fc.array(edit, { maxLength });
}

/** Makes the edits, in order. */
export function edited(text: string, edits: readonly Edit[]): string {
  for (const { at, remove, insert } of edits) {
    const place = at % (text.length + 1);
    text = text.slice(0, place) + insert + text.slice(place + remove);
  }
  return text;
}
