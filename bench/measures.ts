/**
 * The measures of each way: throughput, latency, and the two at once.
 *
 * @module
 */
import { Process } from "../tests/harness/scene/process.ts";
import { until } from "../tests/harness/scene/wait.ts";
import type { Way } from "./tool.ts";

/** Figures of one run, by the name of their row. */
export type Figures = Record<string, number>;

export interface Measure {
  readonly name: string;
  /** Its rows, in order, with their units. */
  readonly rows: readonly Row[];
  run(way: Way, seconds: number): Promise<Figures>;
}

export interface Row {
  readonly name: string;
  readonly unit: "Gbit/s" | "µs" | "ms" | "MB" | "%";
}

const PROBE = new URL("./probe.ts", import.meta.url).pathname;

/** A probe (see probe.ts) on a way's echo service. */
export function probe(measure: string, way: Way, seconds: number): Process {
  const args = [measure, way.address, way.echoPort, seconds].map(String);
  const command = [Deno.execPath(), "run", "--quiet", "-A", PROBE, ...args];
  return new Process(`probe ${measure}`, command, { namespace: way.client });
}

/** Lets a client end, and parses the JSON printed last; iperf3's has its errors too. */
export async function resultOf(client: Process, seconds: number): Promise<unknown> {
  await client.end((seconds + 30) * 1_000);
  const output = client.since();
  const begin = output.indexOf("{");
  if (begin < 0) throw new Error(client.transcript);
  return JSON.parse(output.slice(begin));
}

interface IperfOptions {
  readonly streams: number;
  /** Whether the server sends. */
  readonly reverse: boolean;
}

function iperf(way: Way, seconds: number, { streams, reverse }: IperfOptions): Process {
  const command = ["iperf3", "-c", way.address, "-p", way.iperfPort, "-t", seconds];
  const options = ["-P", streams, "-J", ...reverse ? ["-R"] : []];
  return new Process("iperf3", [...command, ...options].map(String), {
    namespace: way.client,
  });
}

interface IperfResult {
  readonly error?: string;
  readonly end: { readonly sum_received?: { readonly bits_per_second: number } };
}

/** Gbit/s that arrived, as the receiving end counted them. */
async function received(client: Process, seconds: number): Promise<number> {
  const { error, end } = await resultOf(client, seconds) as IperfResult;
  if (end.sum_received === undefined) throw new Error(`iperf3: ${error}`);
  return end.sum_received.bits_per_second / 1e9;
}

/** The server takes one test at a time, and may have missed the end of the previous. */
async function untilFree(way: Way): Promise<void> {
  await until(`the iperf3 server behind ${way.name}`, async () => {
    await using client = new Process("iperf3", [
      ...["iperf3", "-c", way.address, "-p", way.iperfPort, "-n", 1, "-J"].map(String),
    ], { namespace: way.client });
    const { error } = await resultOf(client, 1) as IperfResult;
    return error === undefined;
  }, { everyMs: 100 });
}

function throughput(name: string, options: IperfOptions): Measure {
  return {
    name,
    rows: [{ name, unit: "Gbit/s" }],
    async run(way, seconds) {
      await untilFree(way);
      await using client = iperf(way, seconds, options);
      return { [name]: await received(client, seconds) };
    },
  };
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** A measure whose client is a probe, in rows of p50 and p99. */
function latency(
  name: string,
  run: (way: Way, seconds: number) => Promise<Latency>,
): Measure {
  const [middle, tail] = [`${name}, p50`, `${name}, p99`];
  return {
    name,
    rows: [{ name: middle, unit: "µs" }, { name: tail, unit: "µs" }],
    async run(way, seconds) {
      const { p50, p99 } = await run(way, seconds);
      return { [middle]: p50, [tail]: p99 };
    },
  };
}

async function probed(measure: string, way: Way, seconds: number): Promise<Latency> {
  await using client = probe(measure, way, seconds);
  return await resultOf(client, seconds) as Latency;
}

export const measures: readonly Measure[] = [
  throughput("1 stream to the service", { streams: 1, reverse: false }),
  throughput("1 stream from the service", { streams: 1, reverse: true }),
  throughput("8 streams to the service", { streams: 8, reverse: false }),
  throughput("8 streams from the service", { streams: 8, reverse: true }),
  latency("round trip", (way, seconds) => probed("round-trip", way, seconds)),
  latency("round trip beside a bulk stream", async (way, seconds) => {
    await untilFree(way);
    await using bulk = iperf(way, seconds + 1, { streams: 1, reverse: false });
    const result = await probed("round-trip", way, seconds);
    await received(bulk, seconds);
    return result;
  }),
  latency("connect, echo, close", (way, seconds) => probed("connect", way, seconds)),
];
