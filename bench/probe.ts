/**
 * The client of the latency measures, run inside a namespace: probe.ts MEASURE ADDRESS
 * PORT …
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
    p99: percentile(samples, 0.99),
  }));
}

/** One byte there and back over a connection that stays open. */
async function roundTrip(hostname: string, port: number, seconds: number): Promise<void> {
  using conn = await dial(hostname, port);
  const byte = new Uint8Array(1);
  print(await sample(seconds, () => echoByte(conn, byte), { warmUp: WARM_UP }));
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

if (import.meta.main) {
  const [measure, address, port, seconds] = Deno.args;
  const probe = { "round-trip": roundTrip, connect, ready }[measure!];
  if (probe === undefined) throw new Error(`probe.ts: no measure "${measure}"`);
  await probe(address!, Number(port), Number(seconds));
}
