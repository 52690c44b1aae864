/**
 * The clients of the measures: iperf3 for throughput, a probe for latency.
 *
 * @module
 */
import { Process } from "../tests/harness/scene/process.ts";
import { pause } from "../tests/harness/scene/wait.ts";
import type { Figure, Unit } from "./suite.ts";
import type { Way } from "./tool.ts";

/** The direction of a stream, seen from the client. */
export type Direction = "to" | "from";
export const DIRECTIONS: readonly Direction[] = ["to", "from"];

const PROBE = new URL("./probe.ts", import.meta.url).pathname;
/** Seconds beyond a run's own in which its client ends; queues of a slow link are long. */
const SPARE_SECONDS = 60;
const BUSY_TRIES = 60;
const BUSY_PAUSE_MS = 250;

/** A probe (see probe.ts) on a way's echo service; `more` are its further arguments. */
export function probe(
  measure: string,
  way: Way,
  ...more: readonly (number | string)[]
): Process {
  const args = [measure, way.address, way.echoPort, ...more].map(String);
  const command = [Deno.execPath(), "run", "--quiet", "-A", PROBE, ...args];
  return new Process(`probe ${measure}`, command, { namespace: way.client });
}

/** Lets a client end, and parses the JSON printed last; iperf3's has its errors too. */
export async function resultOf(client: Process, seconds: number): Promise<unknown> {
  await client.end((seconds + SPARE_SECONDS) * 1_000);
  const output = client.since();
  const begin = output.indexOf("{");
  if (begin < 0) throw new Error(client.transcript);
  return JSON.parse(output.slice(begin));
}

/** Samples of a probe, in microseconds. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Runs a probe to its end. */
export async function probed(
  measure: string,
  way: Way,
  seconds: number,
): Promise<Latency> {
  await using client = probe(measure, way, seconds);
  return await resultOf(client, seconds) as Latency;
}

/** Rows of a latency; `unit` is that of the rows. */
export function latencyFigures(
  row: string,
  latency: Latency,
  unit: Unit & ("µs" | "ms"),
): Figure[] {
  return (["p50", "p90", "p99"] as const).map((share) => ({
    row: `${row}, ${share}`,
    unit,
    value: latency[share] / (unit === "ms" ? 1_000 : 1),
  }));
}

/** What iperf3 is to do. */
export interface IperfOptions {
  readonly seconds: number;
  /** Default 1. */
  readonly streams?: number;
  readonly direction?: Direction;
  /** Seconds at the beginning that do not count. Default 0. */
  readonly omit?: number;
  /** Gbit/s of each stream at most; as much as it can if absent. */
  readonly rate?: number | undefined;
}

/** Where a server of iperf3 is reached from. */
export type IperfWay = Pick<Way, "name" | "client" | "address" | "iperfPort">;

/** The arguments of iperf3's client. */
export function iperfCommand(
  way: Pick<IperfWay, "address" | "iperfPort">,
  { seconds, streams = 1, direction = "to", omit = 0, rate }: IperfOptions,
): string[] {
  const server = ["iperf3", "-c", way.address, "-p", way.iperfPort, "-J"];
  const amount = ["-t", seconds, "-P", streams, "-O", omit];
  const most = rate === undefined ? [] : ["-b", `${rate}G`];
  return [...server, ...amount, ...most, ...direction === "from" ? ["-R"] : []].map(
    String,
  );
}

/** Starts a client of iperf3. */
export function iperf(way: IperfWay, options: IperfOptions): Process {
  return new Process("iperf3", iperfCommand(way, options), { namespace: way.client });
}

interface IperfResult {
  readonly error?: string;
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number; readonly bytes: number };
  };
}

/** What arrived, as the receiving end counted. */
export interface Received {
  readonly bytes: number;
  readonly bitsPerSecond: number;
}

/** Lets iperf3 end; gives what arrived. */
export async function received(client: Process, seconds: number): Promise<Received> {
  const { error, end } = await resultOf(client, seconds) as IperfResult;
  const sum = end.sum_received;
  if (error?.includes("busy")) throw new ServerBusy(`iperf3: ${error}`);
  if (sum === undefined) throw new Error(`iperf3: ${error}`);
  return { bytes: sum.bytes, bitsPerSecond: sum.bits_per_second };
}

/** The server still runs another test. */
class ServerBusy extends Error {}

/**
 * Runs what has iperf3 as a client, and again if the server was busy: a server takes one
 * test at a time, and may have missed the end of the previous.
 */
export async function whenFree<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof ServerBusy) || tries === BUSY_TRIES) throw error;
      await pause(BUSY_PAUSE_MS);
    }
  }
}

/** Runs iperf3 to its end; gives what arrived. */
export function throughputOf(way: IperfWay, options: IperfOptions): Promise<Received> {
  return whenFree(async () => {
    await using client = iperf(way, options);
    return await received(client, options.seconds);
  });
}
