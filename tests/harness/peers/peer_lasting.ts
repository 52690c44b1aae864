/**
 * The roles of connections that have to outlive the links below them: a stream both ways
 * that never pauses, an echo, and a connection on which nothing happens.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { pause } from "../scene/wait.ts";
import type { Report, Role } from "./peer.ts";
import { pieces } from "./peer_data.ts";
import { dial, endingOf, readFull, readToEnd, writeAll } from "./peer_tcp.ts";

const TELL_MS = 50;
const TICK_MS = 5;
const MOST_CREDIT_MS = 50;
const BEAT_MS = 20;
const STILL_HERE = "still here";

/** A direction of a stream: how much went by, and what. */
class Direction {
  readonly #hash: Hash = createHash("sha256");
  bytes = 0;

  take(piece: Uint8Array): void {
    this.#hash.update(piece);
    this.bytes += piece.length;
  }

  get sha256(): string {
    return this.#hash.copy().digest("hex");
  }
}

/** What a side sends. */
interface Stream {
  readonly seed: number;
  /** Bytes in a millisecond, at the most; 0 for as many as go. */
  readonly rate: number;
}

/** Sends until `isOver`, then its end. */
async function send(
  conn: Deno.TcpConn,
  { seed, rate }: Stream,
  sent: Direction,
  isOver: () => boolean,
): Promise<void> {
  let credit = 0;
  let last = performance.now();
  for (const piece of pieces(Number.MAX_SAFE_INTEGER, seed)) {
    while (rate > 0 && credit < 0 && !isOver()) {
      await pause(TICK_MS);
      const now = performance.now();
      // What was not sent while nothing could be is not made up for.
      credit += Math.min(now - last, MOST_CREDIT_MS) * rate;
      last = now;
    }
    if (isOver()) break;
    credit -= piece.length;
    sent.take(piece);
    await writeAll(conn, piece);
  }
  await conn.closeWrite();
}

/**
 * `lasting ADDRESS STREAM_PORT ECHO_PORT SEED RATE`: all three, to `serve-lasting`, which
 * sends at the same rate, and an `echo`, until SIGUSR2; `moved` tells how far they are, `broken` of a connection that
 * failed, `done` what was sent and received, and that each ended well.
 */
const lasting: Role = async ([address, streamPort, echoPort, ...plan], tell) => {
  let isOver = false;
  Deno.addSignalListener("SIGUSR2", () => isOver = true);
  const [stream, idle, echo] = await Promise.all(
    [streamPort, echoPort, echoPort].map((port) => dial(address!, Number(port))),
  );
  const [sent, received] = [new Direction(), new Direction()];
  const own = streamOf(plan);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, own.rate);
  await writeAll(stream!, head);
  let beats = 0;
  /** The longest time without a byte of the stream since the last report. */
  let silence = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const { bytes } = received;
    tell({ event: "moved", sent: sent.bytes, received: bytes, beats, silence });
    silence = 0;
  }, TELL_MS);
  const attempts: Record<string, () => Promise<void>> = {
    stream: async () => {
      const sending = send(stream!, own, sent, () => isOver);
      let failure: unknown;
      sending.catch((error) => failure = error);
      let ending = await readToEnd(stream!, (piece) => {
        const now = performance.now();
        silence = Math.max(silence, now - last);
        last = now;
        received.take(piece);
      });
      // A kernel tells of a reset once; if that was the sender, a reader sees an end.
      if (ending === "end" && !isOver) {
        await pause(0);
        if (failure !== undefined) ending = endingOf(failure);
      }
      if (ending !== "end" || !isOver) throw new Error(`the stream's end: ${ending}`);
      await sending;
    },
    echo: async () => {
      for (; !isOver; await pause(BEAT_MS)) {
        await echoed(echo!, `beat ${beats}`);
        beats++;
      }
    },
    idle: async () => {
      await echoed(idle!, "here");
      while (!isOver) await pause(BEAT_MS);
      await echoed(idle!, STILL_HERE);
    },
  };
  let broken = 0;
  await Promise.all(
    Object.entries(attempts).map(async ([what, attempt]) => {
      try {
        await attempt();
      } catch (error) {
        broken++;
        isOver = true;
        tell({ event: "broken", what, ending: endingOf(error) });
      }
    }),
  );
  clearInterval(timer);
  for (const conn of [stream, idle, echo]) conn!.close();
  tell({ event: "done", broken, beats, ...hashes(sent, received) });
};

/**
 * `serve-lasting PORT SEED`: sends on each connection until the other side has ended, and
 * receives; reports both hashes.
 */
const serving: Role = async ([port, seed], tell) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(port) });
  tell({ event: "listening" });
  for await (const conn of listener) serve(conn, Number(seed)).then(tell, () => {});
};

async function serve(conn: Deno.TcpConn, seed: number): Promise<Report> {
  conn.setNoDelay(true);
  const head = new Uint8Array(4);
  await readFull(conn, head);
  const rate = new DataView(head.buffer).getUint32(0);
  const [sent, received] = [new Direction(), new Direction()];
  let isOver = false;
  const sending = send(conn, { seed, rate }, sent, () => isOver);
  sending.catch(() => {}); // told by the other direction
  const ending = await readToEnd(conn, (piece) => received.take(piece));
  isOver = true;
  const sendingEnded = await sending.then(() => "end", endingOf);
  conn.close();
  return { event: "closed", ending, sendingEnded, ...hashes(sent, received) };
}

function streamOf([seed, rate]: readonly string[]): Stream {
  return { seed: Number(seed), rate: Number(rate) };
}

function hashes(sent: Direction, received: Direction) {
  return {
    sent: sent.sha256,
    sentBytes: sent.bytes,
    received: received.sha256,
    receivedBytes: received.bytes,
  };
}

/** Sends a text and receives the same. */
async function echoed(conn: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  const back = new Uint8Array(bytes.length);
  await Promise.all([writeAll(conn, bytes), readFull(conn, back)]);
  const found = new TextDecoder().decode(back);
  if (found !== text) throw new Error(`"${found}" came back, not "${text}"`);
}

export const lastingRoles: Record<string, Role> = { lasting, "serve-lasting": serving };
