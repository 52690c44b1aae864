/**
 * A stream of bytes that never repeats, and the sha256 of the bytes that went by.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Ending, readToEnd, writeAll } from "./peer_tcp.ts";
import { pause } from "../scene/wait.ts";

/** `"256Mi"` is 268435456. */
export function parseSize(text: string | undefined): number {
  const [, digits, unit] = text?.match(/^(\d+)(|Ki|Mi|Gi)$/) ?? [];
  if (digits === undefined) throw new Error(`not a size: ${text}`);
  return Number(digits) * { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit!]!;
}

const PIECE_BYTES = 64 * 1024;

/**
 * Pieces of pseudo-random bytes, `total` altogether, the same for the same seed. Each
 * piece carries its number, so that a piece lost, doubled or out of order changes the
 * hash. The buffer is used again for the next piece.
 */
export function* pieces(total: number, seed: number): Generator<Uint8Array> {
  const words = new Uint32Array(PIECE_BYTES / 4);
  let state = seed || 1;
  for (let index = 0; index < words.length; index++) {
    // Marsaglia's xorshift32.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  const bytes = new Uint8Array(words.buffer);
  for (let sent = 0, number = 0; sent < total; sent += PIECE_BYTES, number++) {
    words[0] = number;
    yield bytes.subarray(0, Math.min(PIECE_BYTES, total - sent));
  }
}

/** The view of a side of an exchange. */
export interface Exchange {
  readonly sent: string;
  readonly received: string;
  readonly receivedBytes: number;
  readonly ending: Ending;
}

/**
 * Sends `total` bytes and receives until the other side ends, at the same time; receives
 * nothing for the first `stallMs`.
 */
export async function exchange(
  conn: Deno.TcpConn,
  total: number,
  seed: number,
  stallMs: number = 0,
): Promise<Exchange> {
  const sent = createHash("sha256");
  const received = createHash("sha256");
  let receivedBytes = 0;
  const send = async () => {
    for (const piece of pieces(total, seed)) {
      sent.update(piece);
      await writeAll(conn, piece);
    }
    await conn.closeWrite();
  };
  const receive = async () => {
    await pause(stallMs);
    return await readToEnd(conn, (bytes) => {
      received.update(bytes);
      receivedBytes += bytes.length;
    });
  };
  const [ending] = await Promise.all([receive(), send()]);
  return {
    sent: sent.digest("hex"),
    received: received.digest("hex"),
    receivedBytes,
    ending,
  };
}
