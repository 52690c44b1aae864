/**
 * Slow lines: NoRouter over ssh beside `ssh -L`, on a line of some rate.
 *
 * Round trips are of single bytes some 20 ms apart, sent whether or not the last came
 * back. Beside a competing flow the line's rate is shared with a TCP connection that has
 * nothing to do with the tool.
 *
 * @module
 */
import {
  type Direction,
  DIRECTIONS,
  iperf,
  latencyFigures,
  probe,
  probed,
  received,
  resultOf,
  throughputOf,
  whenFree,
} from "../clients.ts";
import {
  CONGESTION_CONTROL,
  DIRECT_PORT,
  FAR,
  type Line,
  type LineOptions,
  makeLine,
  QUEUE,
} from "../line.ts";
import { type Figure, labelsOf, type Plan, type Suite } from "../suite.ts";
import { meshOver, type Over, OVER_MESH, OVER_SSH, sshOver } from "../tools/over_line.ts";
import type { Way } from "../tool.ts";

interface Slow extends LineOptions {
  readonly name: string;
  /** Whether the share beside a competing flow is measured. */
  readonly isShared?: boolean;
}

const LINES: readonly Slow[] = [
  { name: "5 Mbit/s", rate: 5 },
  { name: "20 Mbit/s", rate: 20, isShared: true },
  { name: "100 Mbit/s", rate: 100 },
  { name: "20 Mbit/s with 40 ms", rate: 20, delay: 20 },
];
/** Queues of seconds fill and empty: a run must be long beside them. */
const LEAST_SECONDS = 10;
const QUICK_SECONDS = 4;
/** Seconds in which a stream gets up to its speed and fills queues; they do not count. */
const RAMP = 4;
const READY_LIMIT = 60;

interface Measure {
  readonly name: string;
  run(way: Way, seconds: number, row: string): Promise<Figure[]>;
}

const bulk = (direction: Direction): Measure => ({
  name: `bulk ${direction} the service`,
  async run(way, seconds, row) {
    const { bitsPerSecond } = await throughputOf(way, { seconds, direction, omit: RAMP });
    return [{ row, unit: "Mbit/s", value: bitsPerSecond / 1e6 }];
  },
});

const beside = (direction: Direction): Measure => ({
  name: `round trip beside bulk ${direction} the service`,
  run: (way, seconds, row) =>
    whenFree(async () => {
      const options = { seconds: seconds + RAMP / 2, direction, omit: RAMP };
      await using stream = iperf(way, options);
      await using client = probe("paced", way, seconds, RAMP);
      const latency = await resultOf(client, seconds) as Parameters<
        typeof latencyFigures
      >[1];
      const { bitsPerSecond } = await received(stream, options.seconds);
      const figure = { row: `${row}, bulk`, unit: "Mbit/s", value: bitsPerSecond / 1e6 };
      return [...latencyFigures(row, latency, "ms"), figure as Figure];
    }),
});

const shared = (direction: Direction): Measure => ({
  name: `bulk ${direction} the service beside a TCP flow`,
  run: (way, seconds, row) =>
    whenFree(async () => {
      const options = { seconds: seconds * 2, direction, omit: RAMP };
      const direct = { name: "the line", client: way.client, address: FAR };
      await using own = iperf(way, options);
      await using other = iperf({ ...direct, iperfPort: DIRECT_PORT }, options);
      const flow = await received(other, options.seconds);
      const { bitsPerSecond } = await received(own, options.seconds);
      return [
        { row, unit: "Mbit/s", value: bitsPerSecond / 1e6 },
        { row: `${row}, that flow`, unit: "Mbit/s", value: flow.bitsPerSecond / 1e6 },
      ];
    }),
});

const ALL: readonly Measure[] = [
  {
    name: "round trip",
    run: async (way, seconds, row) =>
      latencyFigures(row, await probed("paced", way, seconds), "ms"),
  },
  ...DIRECTIONS.map(bulk),
  ...DIRECTIONS.map(beside),
];
const SHARED = DIRECTIONS.map(shared);

function measuresOf({ isShared }: Slow): readonly Measure[] {
  return isShared ? [...ALL, ...SHARED] : ALL;
}

/** See the head of this file. */
export const slow: Suite = {
  name: "slow",
  needs: ["namespaces", "tc", "iperf3", "ssh", "sshd", "ssh-keygen"],
  beside: [OVER_SSH],
  labels: LINES.flatMap((line) =>
    labelsOf(
      [OVER_SSH, OVER_MESH],
      measuresOf(line).map(({ name }) => `${line.name}, ${name}`),
    )
  ),
  open: () =>
    Promise.resolve({
      async play(plan) {
        for (const options of LINES) await playLine(options, plan);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

async function playLine(options: Slow, plan: Plan): Promise<void> {
  const wants = (way: string) =>
    measuresOf(options).filter(({ name }) => plan.wants(way, `${options.name}, ${name}`));
  const starts = [[OVER_SSH, sshOver], [OVER_MESH, meshOver]] as const;
  const chosen = starts.filter(([way]) => wants(way).length > 0);
  if (chosen.length === 0) return;
  plan.note("slow lines", `${QUEUE}; TCP is ${CONGESTION_CONTROL}`);
  await using stack = new AsyncDisposableStack();
  const line: Line = stack.use(await makeLine(options));
  const tools: Over[] = [];
  for (const [, start] of chosen) tools.push(stack.use(await start(line)));
  for (const { way } of tools) {
    await using client = probe("ready", way, READY_LIMIT);
    await resultOf(client, READY_LIMIT);
  }
  const seconds = plan.isQuick ? QUICK_SECONDS : Math.max(LEAST_SECONDS, plan.seconds);
  // Each round begins with another tool.
  if (plan.round % 2 === 1) tools.reverse();
  for (const measure of measuresOf(options)) {
    for (const { way } of tools) {
      if (!wants(way.name).includes(measure)) continue;
      const name = `${options.name}, ${measure.name}`;
      plan.take(way.name, name, await measure.run(way, seconds, name));
    }
  }
}
