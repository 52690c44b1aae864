/**
 * The measures on the local path: throughput, its cost, latency, and both at once.
 *
 * @module
 */
import { cpuSeconds } from "../tests/harness/scene/proc.ts";
import {
  type Direction,
  DIRECTIONS,
  iperf,
  latencyFigures,
  probed,
  received,
  throughputOf,
  whenFree,
} from "./clients.ts";
import type { Figure } from "./suite.ts";
import type { Part, Way } from "./tool.ts";

/** A measure of a way. */
export interface Measure {
  readonly name: string;
  /** Measures; `parts` gives the way's processes. */
  run(way: Way, seconds: number, parts: () => Part[]): Promise<Figure[]>;
}

function throughput(streams: number, direction: Direction): Measure {
  const name = `${streams} ${
    streams === 1 ? "stream" : "streams"
  } ${direction} the service`;
  return {
    name,
    async run(way, seconds) {
      const { bitsPerSecond } = await throughputOf(way, { seconds, streams, direction });
      return [{ row: name, unit: "Gbit/s", value: bitsPerSecond / 1e9 }];
    },
  };
}

/** Processor time, user and system, of the processes at each end and of all together. */
function cost(direction: Direction): Measure {
  const name = `processor time, ${direction} the service`;
  return {
    name,
    async run(way, seconds, parts) {
      const there = parts();
      const [before, bytes] = await whenFree(async () => {
        const used = there.map(({ pid }) => cpuSeconds(pid));
        await using client = iperf(way, { seconds, direction });
        return [used, (await received(client, seconds)).bytes];
      });
      const gibibytes = bytes / 2 ** 30;
      const sums = new Map<string, number>();
      for (const [index, { end, pid }] of there.entries()) {
        const value = (cpuSeconds(pid) - before[index]!) / gibibytes;
        for (const key of [end, "all"]) sums.set(key, (sums.get(key) ?? 0) + value);
      }
      return ["near", "middle", "far", "all"].filter((end) => sums.has(end)).map((
        end,
      ) => ({
        row: `${name}, ${end === "all" ? "all" : `${end} end`}`,
        unit: "s/GiB",
        value: sums.get(end)!,
      }));
    },
  };
}

function latency(name: string, probe: string): Measure {
  return {
    name,
    run: async (way, seconds) =>
      latencyFigures(name, await probed(probe, way, seconds), "µs"),
  };
}

/** What every way on the local path carries with some processor time to spare, Gbit/s. */
const EASY = 2;

/** Beside as much as the way can carry, or beside a stream of a `rate` that all can. */
function beside(direction: Direction, rate?: number): Measure {
  const bulkName = rate === undefined ? "bulk" : `${rate} Gbit/s`;
  const name = `round trip beside ${bulkName} ${direction} the service`;
  return {
    name,
    run: (way, seconds) =>
      whenFree(async () => {
        await using bulk = iperf(way, { seconds: seconds + 1, direction, rate });
        const latency = await probed("round-trip", way, seconds);
        const value = (await received(bulk, seconds)).bitsPerSecond / 1e9;
        return [
          ...latencyFigures(name, latency, "ms"),
          {
            row: `${bulkName} beside it, ${direction} the service`,
            unit: "Gbit/s",
            value,
          },
        ];
      }),
  };
}

/** The measures in their order. */
export const measures: readonly Measure[] = [
  ...[1, 8].flatMap((streams) =>
    DIRECTIONS.map((direction) => throughput(streams, direction))
  ),
  latency("round trip", "round-trip"),
  ...[undefined, EASY].flatMap((rate) =>
    DIRECTIONS.map((direction) => beside(direction, rate))
  ),
  latency("connect, echo, close", "connect"),
  ...DIRECTIONS.map(cost),
];
