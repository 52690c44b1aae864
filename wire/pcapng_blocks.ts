/**
 * Blocks of pcapng as they come: whole ones, so that what was written of them is a whole
 * file at any time, and what their statistics say.
 *
 * @module
 */

import { BlockType } from "./pcapng.ts";

/** Bytes of a block that are believed; ours are far shorter. */
const MOST_BYTES = 16 << 20;
/** The code of the option of packets that says how many were dropped before. */
const PACKET_DROPPED = 4;
/** The code of the option of statistics that says how many were dropped in all. */
const DROPPED = 5;

/** Takes the bytes of a file of this program in pieces. */
export class WholeBlocks {
  #rest: Uint8Array = new Uint8Array();
  #packets = 0;
  /** By interface. */
  readonly #dropped = new Map<number, number>();

  /** Packets so far. */
  get packets(): number {
    return this.#packets;
  }

  /** Packets that are missing, as far as is known: statistics tell of the last. */
  get dropped(): number {
    let sum = 0;
    for (const dropped of this.#dropped.values()) sum += dropped;
    return sum;
  }

  /** Bytes of a block that is not whole yet. */
  get begun(): number {
    return this.#rest.length;
  }

  /** The blocks that are whole with these bytes. @throws {Error} if they are no blocks. */
  take(bytes: Uint8Array): Uint8Array {
    const all = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
    let at = 0;
    while (at + 12 <= all.length) {
      const length = view.getUint32(at + 4, true);
      if (length < 12 || length % 4 !== 0 || length > MOST_BYTES) {
        throw new Error(`a block of ${length} bytes came, which cannot be`);
      }
      if (at + length > all.length) break;
      const type = view.getUint32(at, true);
      if (type === BlockType.PACKET) this.#packet(view, at, length);
      if (type === BlockType.STATISTICS) this.#statistics(view, at, length);
      at += length;
    }
    // A copy, since the buffer may be used again.
    this.#rest = all.slice(at);
    return all.subarray(0, at);
  }

  #packet(view: DataView, start: number, length: number): void {
    this.#packets++;
    const options = start + 28 + (view.getUint32(start + 20, true) + 3 & ~3);
    const dropped = numberIn(view, options, start + length - 4, PACKET_DROPPED);
    if (dropped === undefined) return;
    const index = view.getUint32(start + 8, true);
    this.#dropped.set(index, (this.#dropped.get(index) ?? 0) + dropped);
  }

  #statistics(view: DataView, start: number, length: number): void {
    const dropped = numberIn(view, start + 20, start + length - 4, DROPPED);
    if (dropped !== undefined) {
      this.#dropped.set(view.getUint32(start + 8, true), dropped);
    }
  }
}

/** The number of 64 bits in an option, if it is there. */
function numberIn(
  view: DataView,
  options: number,
  end: number,
  code: number,
): number | undefined {
  for (let at = options; at + 12 <= end;) {
    const [found, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (found === 0) return undefined;
    if (found === code && length === 8) return Number(view.getBigUint64(at + 4, true));
    at += 4 + (length + 3 & ~3);
  }
  return undefined;
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
