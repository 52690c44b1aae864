/**
 * Blocks of pcapng as they come: whole ones, so that what was written of them is a whole
 * file at any time, and what their statistics say.
 *
 * @module
 */

import { BlockType } from "./pcapng.ts";

/** Bytes of a block that are believed; ours are far shorter. */
const MOST_BYTES = 16 << 20;
/** Codes of options of statistics. */
const [DROPPED, DELIVERED] = [5, 8];

/** What the interfaces have counted, summed up. */
export interface Counted {
  /** Packets in the file. */
  readonly delivered: number;
  /** Packets that found no room. */
  readonly dropped: number;
}

/** Takes the bytes of a file of this program in pieces. */
export class WholeBlocks {
  #rest: Uint8Array = new Uint8Array();
  readonly #counted = new Map<number, Counted>();

  /** What the last statistics of each interface say. */
  get counted(): Counted {
    let [delivered, dropped] = [0, 0];
    for (const each of this.#counted.values()) {
      delivered += each.delivered;
      dropped += each.dropped;
    }
    return { delivered, dropped };
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
      if (view.getUint32(at, true) === BlockType.STATISTICS) {
        this.#count(view, at, length);
      }
      at += length;
    }
    // A copy, since the buffer may be used again.
    this.#rest = all.slice(at);
    return all.subarray(0, at);
  }

  #count(view: DataView, start: number, length: number): void {
    const end = start + length - 4;
    let [delivered, dropped] = [0, 0];
    for (let at = start + 20; at + 12 <= end;) {
      const [code, bytes] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
      if (code === DROPPED) dropped = Number(view.getBigUint64(at + 4, true));
      if (code === DELIVERED) delivered = Number(view.getBigUint64(at + 4, true));
      at += 4 + (bytes + 3 & ~3);
    }
    this.#counted.set(view.getUint32(start + 8, true), { delivered, dropped });
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
