/**
 * The bytes of a transfer: they depend on its seed and on the place, so that a byte that
 * is lost, doubled, moved, or of another transfer is seen, and at which place.
 *
 * All transfers use the same block of random bytes, each from a place of its own on. The
 * block's length is a prime, so that a shift by a buffer's size never looks right.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Random } from "./random.ts";

const BLOCK_BYTES = 1_048_573;
/** Bytes of a write. */
const PIECE_BYTES = 65_536;

const block = new Uint8Array(BLOCK_BYTES);
const random = new Random(1);
for (let at = 0; at < BLOCK_BYTES; at++) block[at] = random.below(256);

function startOf(seed: number): number {
  return Math.imul(seed, 0x9e3779b1) >>> 0;
}

/** The next bytes from `at` on: some of them, `most` at the most. Not to be written to. */
function some(seed: number, at: number, most: number): Uint8Array<ArrayBuffer> {
  const from = (startOf(seed) + at) % BLOCK_BYTES;
  return block.subarray(from, Math.min(BLOCK_BYTES, from + most));
}

/** The first `total` bytes of a seed's stream, in pieces that are not to be written to. */
export function* pieces(seed: number, total: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < total;) {
    const piece = some(seed, at, Math.min(PIECE_BYTES, total - at));
    yield piece;
    at += piece.length;
  }
}

/** Compares the received bytes with a seed's stream. */
export class Checker {
  /** Bytes that arrived. */
  received = 0;
  /** Where the first wrong byte was. */
  wrongAt: number | undefined;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.wrongAt === undefined;) {
      const wanted = some(this.#seed, this.received + at, bytes.length - at);
      const got = bytes.subarray(at, at + wanted.length);
      if (Buffer.compare(got, wanted) !== 0) {
        this.wrongAt = this.received + at +
          got.findIndex((byte, i) => byte !== wanted[i]);
      }
      at += wanted.length;
    }
    this.received += bytes.length;
  }
}
