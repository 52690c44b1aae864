/**
 * The client of the latency measures, run inside a namespace: probe.ts MEASURE ADDRESS
 * PORT SECONDS, or for measures of connections, their number.
 *
 * Prints a JSON object at the end; `ready` prints `armed` first, because the probe must
 * run before the clock starts.
 *
 * @module
 */
import { dial, readFull, writeAll } from "../tests/harness/peers/peer_tcp.ts";
import { median, percentile } from "./statistics.ts";
import { wallClock } from "./tool.ts";

/** Rounds thrown away, in which compilers and windows warm up. */
const WARM_UP = 200;
/** Connections opened at most, far below the number of local ports. */
const MOST_CONNECTIONS = 2_000;

async function echoByte(conn: Deno.TcpConn, byte: Uint8Array): Promise<void> {
  await writeAll(conn, byte);
  await readFull(conn, byte);
}

/** Microseconds that each call took, over `seconds` or until there are `most`. */
async function sample(
  seconds: number,
  step: () => Promise<void>,
  { warmUp, most = Infinity }: { warmUp: number; most?: number },
): Promise<number[]> {
  for (let round = 0; round < warmUp; round++) await step();
  const samples: number[] = [];
  const end = performance.now() + seconds * 1_000;
  for (let before = performance.now(); before < end && samples.length < most;) {
    await step();
    const after = performance.now();
    samples.push((after - before) * 1_000);
    before = after;
  }
  return samples;
}

function print(samples: readonly number[]): void {
  console.log(JSON.stringify({
    samples: samples.length,
    p50: median(samples),
    p90: percentile(samples, 0.9),
    p99: percentile(samples, 0.99),
  }));
}

/** One byte there and back over a connection that stays open. */
async function roundTrip(hostname: string, port: number, seconds: number): Promise<void> {
  using conn = await dial(hostname, port);
  const byte = new Uint8Array(1);
  print(await sample(seconds, () => echoByte(conn, byte), { warmUp: WARM_UP }));
}

/** Milliseconds between the bytes of `paced`, on average; few enough for 5 Mbit/s. */
const PACE_MS = 20;
/** Seconds in which the last bytes have to come back. */
const LATE_LIMIT = 40;

/**
 * One byte there and back, sent at times that do not depend on the answers: a queue that
 * holds bytes for seconds is met by as many bytes as a queue that does not. Begins
 * `after` seconds, when a stream beside it has got up to its speed.
 */
async function paced(
  hostname: string,
  port: number,
  seconds: number,
  after = 0,
): Promise<void> {
  using conn = await dial(hostname, port);
  await echoByte(conn, new Uint8Array(1));
  await new Promise((resolve) => setTimeout(resolve, after * 1_000));
  const sent: number[] = [];
  const samples: number[] = [];
  const end = performance.now() + seconds * 1_000;
  let isLast = false;
  const writing = (async () => {
    for (let count = 0; !isLast; count++) {
      sent.push(performance.now());
      isLast = sent.at(-1)! >= end;
      await writeAll(conn, Uint8Array.of(count));
      // Not in step with anything that happens every so many milliseconds.
      const wait = PACE_MS * (0.75 + count * 0.618 % 1 / 2);
      if (!isLast) await new Promise((resolve) => setTimeout(resolve, wait));
    }
  })();
  const late = setTimeout(() => {
    console.error(`${sent.length - samples.length} bytes did not come back`);
    Deno.exit(1);
  }, (seconds + LATE_LIMIT) * 1_000);
  const buffer = new Uint8Array(1024);
  while (!isLast || samples.length < sent.length) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("The connection ended");
    const now = performance.now();
    for (let index = 0; index < count; index++) {
      samples.push((now - sent[samples.length]!) * 1_000);
    }
  }
  await writing;
  clearTimeout(late);
  print(samples);
}

/** A connection of its own for each byte. */
async function connect(hostname: string, port: number, seconds: number): Promise<void> {
  const byte = new Uint8Array(1);
  print(
    await sample(seconds, async () => {
      using conn = await dial(hostname, port);
      await echoByte(conn, byte);
    }, { warmUp: 5, most: MOST_CONNECTIONS }),
  );
}

/** Tries until the first byte comes back, and tells when that was. */
async function ready(hostname: string, port: number, seconds: number): Promise<void> {
  console.log("armed");
  const end = performance.now() + seconds * 1_000;
  for (;;) {
    try {
      using conn = await dial(hostname, port);
      await echoByte(conn, new Uint8Array(1));
      console.log(JSON.stringify({ at: wallClock() }));
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Dials under way at a time. */
const DIALS = 32;

/** Opens `count` connections, each proven by an echo, and holds them until ended. */
async function hold(hostname: string, port: number, count: number): Promise<void> {
  const conns: Deno.TcpConn[] = [];
  await inParallel(count, async () => {
    const conn = await dial(hostname, port);
    conns.push(conn);
    await echoByte(conn, new Uint8Array(1));
  });
  console.log("open");
  await new Promise<void>((resolve) => Deno.addSignalListener("SIGUSR1", resolve));
  for (const conn of conns) conn.close();
  console.log(JSON.stringify({ connections: conns.length }));
  Deno.exit();
}

/** Opens `count` connections that last an echo each. */
async function churn(hostname: string, port: number, count: number): Promise<void> {
  await inParallel(count, async () => {
    using conn = await dial(hostname, port);
    await echoByte(conn, new Uint8Array(1));
  });
  console.log(JSON.stringify({ connections: count }));
}

/** Bulk there and back on `streams` connections at a time; prints the bytes of one way. */
async function flood(
  hostname: string,
  port: number,
  seconds: number,
  streams = 1,
): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  const piece = new Uint8Array(256 * 1024);
  let bytes = 0;
  await Promise.all(Array.from({ length: streams }, async () => {
    using conn = await dial(hostname, port);
    const writing = (async () => {
      while (performance.now() < end) await writeAll(conn, piece);
      await conn.closeWrite();
    })();
    const buffer = new Uint8Array(256 * 1024);
    for (let count; (count = await conn.read(buffer)) !== null;) bytes += count;
    await writing;
  }));
  console.log(JSON.stringify({ bytes }));
}

async function inParallel(count: number, step: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: DIALS }, async () => {
    while (left-- > 0) await step();
  }));
}

if (import.meta.main) {
  const [measure, address, port, ...amounts] = Deno.args;
  const probe =
    { "round-trip": roundTrip, paced, connect, ready, hold, churn, flood }[measure!];
  if (probe === undefined) throw new Error(`probe.ts: no measure "${measure}"`);
  await probe(address!, Number(port), ...amounts.map(Number) as [number]);
}
