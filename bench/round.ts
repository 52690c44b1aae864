/**
 * One round: all tools up, each measure on each way, then all tools down.
 *
 * @module
 */
import { cpuSeconds, residentBytes } from "../tests/harness/scene/proc.ts";
import { pause } from "../tests/harness/scene/wait.ts";
import { measures, probe, resultOf, type Row } from "./measures.ts";
import type { Results } from "./report.ts";
import { type Part, type RunningTool, type Tool, wallClock, type Way } from "./tool.ts";
import type { World } from "./world.ts";

export interface Round {
  readonly world: World;
  readonly tools: readonly Tool[];
  /** Its number; each round visits the ways in another order. */
  readonly round: number;
  /** Length of each run. */
  readonly seconds: number;
  /** Which runs, matched on `WAY: MEASURE`. */
  readonly only: RegExp;
  readonly results: Results;
}

const READY = "start to first byte";
const IDLE = "idle";
/** Seconds in which a tool gets ready, or the benchmark gives up. */
const READY_LIMIT = 30;

interface Lane {
  readonly way: Way;
  readonly running: RunningTool;
}

export async function playRound(plan: Round): Promise<void> {
  const { world, round, seconds, only, results } = plan;
  await using stack = new AsyncDisposableStack();
  const lanes: Lane[] = [];
  for (const tool of plan.tools) {
    const ways = tool.ways(world).filter(({ name }) =>
      [READY, IDLE, ...measures.map(({ name }) => name)].some((each) =>
        only.test(`${name}: ${each}`)
      )
    );
    if (ways.length === 0) continue;
    const running = stack.use(await start(tool, plan));
    lanes.push(...ways.map((way) => ({ way, running })));
  }
  await idle(lanes, plan);
  const shift = round % Math.max(1, lanes.length);
  const order = [...lanes.slice(shift), ...lanes.slice(0, shift)];
  for (const measure of measures) {
    for (const { way, running } of order) {
      if (!only.test(`${way.name}: ${measure.name}`)) continue;
      await using memory = watchMemory(way, running);
      const figures = await measure.run(way, seconds);
      for (const row of measure.rows) results.add(row, way.name, figures[row.name]!);
      if (measure.name.startsWith("8 streams to")) memory.report(results);
      say(round, way, measure.name, figures);
    }
  }
}

/** Starts a tool and measures the time until the first byte came back. */
async function start(
  tool: Tool,
  { world, round, only, results }: Round,
): Promise<RunningTool> {
  const [first] = tool.ways(world);
  await using client = probe("ready", first!, READY_LIMIT);
  await client.line(/^armed$/);
  await using stack = new AsyncDisposableStack();
  const before = wallClock();
  const running = stack.use(await tool.start(world));
  const { at } = await resultOf(client, READY_LIMIT) as { at: number };
  // The other ways of the tool, too, must be there before anything is measured.
  for (const way of tool.ways(world).slice(1)) {
    await using other = probe("ready", way, READY_LIMIT);
    await resultOf(other, READY_LIMIT);
  }
  if (tool.name !== "bare" && only.test(`${first!.name}: ${READY}`)) {
    const took = at - Math.max(before, running.startedAt);
    results.add({ name: READY, unit: "ms" }, first!.name, took);
    say(round, first!, READY, { [READY]: took });
  }
  stack.move();
  return running;
}

/** Memory and processor time of tools that have nothing to do. */
async function idle(lanes: readonly Lane[], { seconds, only, results, round }: Round) {
  const chosen = lanes.filter(({ way }) => only.test(`${way.name}: ${IDLE}`));
  if (chosen.length === 0) return;
  // Garbage of the start is collected, TIME_WAIT is over.
  await pause(Math.min(5, seconds) * 1_000);
  const parts = chosen.map(({ way, running }) => partsOf(way, running));
  const before = parts.map((each) => each.map(({ pid }) => cpuSeconds(pid)));
  const began = performance.now();
  await pause(seconds * 3_000);
  const elapsed = (performance.now() - began) / 1_000;
  for (const [index, { way }] of chosen.entries()) {
    const figures: Record<string, number> = {};
    for (const end of ["near", "far"] as const) {
      let [memory, percent] = [0, 0];
      const there = parts[index]!.filter((part) => part.end === end);
      if (there.length === 0) continue;
      for (const part of there) {
        memory += residentBytes(part.pid) / 1e6;
        const at = parts[index]!.indexOf(part);
        percent += (cpuSeconds(part.pid) - before[index]![at]!) / elapsed * 100;
      }
      for (const [row, figure] of idleRows(end, memory, percent)) {
        results.add(row, way.name, figure);
        figures[row.name] = figure;
      }
    }
    if (Object.keys(figures).length > 0) say(round, way, IDLE, figures);
  }
}

function idleRows(end: Part["end"], memory: number, percent: number): [Row, number][] {
  return [
    [{ name: `idle memory, ${end} end`, unit: "MB" }, memory],
    [{ name: `idle processor, ${end} end`, unit: "%" }, percent],
  ];
}

function partsOf(way: Way, running: RunningTool): Part[] {
  return running.parts().filter((part) => part.way === way.name);
}

/** Looks at a way's memory until disposed, and keeps the largest sum seen at each end. */
function watchMemory(way: Way, running: RunningTool) {
  const most = new Map<Part["end"], number>();
  const look = () => {
    const now = new Map<Part["end"], number>();
    for (const { end, pid } of partsOf(way, running)) {
      now.set(end, (now.get(end) ?? 0) + residentBytes(pid) / 1e6);
    }
    for (const [end, sum] of now) most.set(end, Math.max(sum, most.get(end) ?? 0));
  };
  const timer = setInterval(look, 200);
  return {
    report(results: Results) {
      for (const [end, sum] of most) {
        results.add({ name: `loaded memory, ${end} end`, unit: "MB" }, way.name, sum);
      }
    },
    [Symbol.asyncDispose]() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

/** A line of progress. */
function say(
  round: number,
  way: Way,
  name: string,
  figures: Record<string, number>,
): void {
  const text = Object.entries(figures).map(([row, figure]) =>
    `${row.replace(`${name}, `, "")} ${figure.toPrecision(3)}`
  ).join(", ");
  console.error(
    `round ${round + 1}  ${way.name}  ${name}: ${text.replace(`${name} `, "")}`,
  );
}
