/**
 * Picking from a numbered list, by a line such as "1,3-5".
 *
 *   1,3-5     the first, and the third to the fifth
 *   2 4       spaces will do
 *   all       every number
 *   0, 9-7    no; neither is a number beyond the list
 *
 * pick_test.ts has the same table.
 *
 * @module
 */
import { quote } from "../../manifest/source/value.ts";

/** A line that is longer is no answer of a person. */
const MOST_BYTES = 4096;

/**
 * The places that a line picks from a list of so many, from 0 on, or the fault of the
 * line.
 */
export function parsePick(line: string, count: number): number[] | string {
  const picked = new Set<number>();
  for (const part of line.split(/[\s,]+/).filter(Boolean)) {
    if (/^(all|\*)$/i.test(part)) return Array.from({ length: count }, (_, i) => i);
    const [, from = "", to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === "") return `${quote(part)} is no number of the list`;
    if (first < 1 || last > count) return `${quote(part)} is not from 1 to ${count}`;
    if (first > last) return `${quote(part)} goes backwards`;
    for (let number = first; number <= last; number++) picked.add(number - 1);
  }
  return [...picked].sort((a, b) => a - b);
}

/** A line that the user types; undefined at the end of input. */
export async function readLine(): Promise<string | undefined> {
  const bytes: number[] = [];
  const buffer = new Uint8Array(256);
  while (bytes.length < MOST_BYTES) {
    const count = await Deno.stdin.read(buffer);
    if (count === null) break;
    bytes.push(...buffer.subarray(0, count));
    // A terminal gives whole lines.
    const end = bytes.findIndex((byte) => byte === 10 || byte === 13);
    if (end >= 0) return new TextDecoder().decode(Uint8Array.from(bytes.slice(0, end)));
  }
  return bytes.length > 0 ? new TextDecoder().decode(Uint8Array.from(bytes)) : undefined;
}
