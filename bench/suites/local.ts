/**
 * The local path: NoRouter beside `ssh -L`, a chain of two socat, two and three bare relays of
 * the same runtime, and the bare loopback.
 *
 * All tools are up during a round, idle but for the tool that is measured. See world.ts
 * for the arrangement.
 *
 * @module
 */
import { cpuSeconds, residentBytes } from "../../tests/harness/scene/proc.ts";
import { pause } from "../../tests/harness/scene/wait.ts";
import { probe, resultOf } from "../clients.ts";
import { measures } from "../measures.ts";
import {
  type Figure,
  labelsOf,
  type OpenSuite,
  type Plan,
  type Suite,
} from "../suite.ts";
import { type Part, type RunningTool, type Tool, wallClock, type Way } from "../tool.ts";
import { bare } from "../tools/bare.ts";
import { FROM_HOST, FROM_MANAGER, norouter } from "../tools/norouter.ts";
import { RELAYS, relays, RELAYS_BETWEEN, relaysBetween } from "../tools/relays.ts";
import { socat } from "../tools/socat.ts";
import { ssh } from "../tools/ssh.ts";
import { makeWorld, type World } from "../world.ts";

const READY = "start to first byte";
const IDLE = "idle";
const NAMES = measures.map(({ name }) => name);
const MEASURES = [READY, IDLE, ...NAMES];
/** Where no tool runs, or where processes come and go with the connections. */
const WITHOUT_COST = MEASURES.filter((name) => !name.startsWith("processor"));
const LABELS = [
  ...labelsOf(["bare loopback"], WITHOUT_COST.filter((name) => NAMES.includes(name))),
  ...labelsOf(["socat | socat"], WITHOUT_COST),
  ...labelsOf(["ssh -L", RELAYS, RELAYS_BETWEEN, FROM_MANAGER], MEASURES),
  ...labelsOf([FROM_HOST], MEASURES.filter((name) => name !== READY)),
];
/** Seconds in which a tool gets ready, or the benchmark gives up. */
const READY_LIMIT = 30;
const TOOLS: readonly Tool[] = [bare, ssh, socat, relays, relaysBetween, norouter];

interface Lane {
  readonly way: Way;
  readonly running: RunningTool;
}

/** See the head of this file. */
export const local: Suite = {
  name: "local",
  needs: ["namespaces", "iperf3", "ssh", "sshd", "ssh-keygen", "socat"],
  beside: ["ssh -L", RELAYS, RELAYS_BETWEEN, "bare loopback"],
  labels: LABELS,
  async open(note): Promise<OpenSuite> {
    await using stack = new AsyncDisposableStack();
    const world = stack.use(await makeWorld());
    for (const tool of TOOLS) {
      for (const [name, fact] of Object.entries(await tool.prepare?.(world) ?? {})) {
        note(name, fact);
      }
    }
    const all = stack.move();
    return {
      play: (plan) => playRound(world, plan),
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  },
};

/** Whether there is such a measure, and it was asked for. */
function wants(plan: Plan, way: string, measure: string): boolean {
  return LABELS.some((label) => label.way === way && label.measure === measure) &&
    plan.wants(way, measure);
}

async function playRound(world: World, plan: Plan): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const lanes: Lane[] = [];
  for (const tool of TOOLS) {
    const ways = tool.ways(world).filter(({ name }) =>
      MEASURES.some((measure) => wants(plan, name, measure))
    );
    if (ways.length === 0) continue;
    const running = stack.use(await start(tool, world, plan));
    lanes.push(...ways.map((way) => ({ way, running })));
  }
  await idle(lanes, plan);
  const shift = plan.round % Math.max(1, lanes.length);
  const order = [...lanes.slice(shift), ...lanes.slice(0, shift)];
  for (const measure of measures) {
    for (const { way, running } of order) {
      if (!wants(plan, way.name, measure.name)) continue;
      const parts = () => partsOf(way, running);
      await using memory = watchMemory(parts);
      const figures = await measure.run(way, plan.seconds, parts);
      plan.take(way.name, measure.name, figures);
      if (measure.name.startsWith("8 streams to")) {
        plan.take(way.name, "loaded", memory.figures());
      }
    }
  }
}

/** Starts a tool and measures the time until the first byte came back. */
async function start(tool: Tool, world: World, plan: Plan): Promise<RunningTool> {
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
  if (wants(plan, first!.name, READY)) {
    const value = at - Math.max(before, running.startedAt);
    plan.take(first!.name, READY, [{ row: READY, unit: "ms", value }]);
  }
  stack.move();
  return running;
}

/** Memory and processor time of tools that have nothing to do. */
async function idle(lanes: readonly Lane[], plan: Plan): Promise<void> {
  const chosen = lanes.filter(({ way }) => wants(plan, way.name, IDLE));
  if (chosen.length === 0) return;
  // Garbage of the start is collected, TIME_WAIT is over.
  await pause(Math.min(5, plan.seconds) * 1_000);
  const before = chosen.flatMap(({ way, running }) =>
    partsOf(way, running).map((part) => ({ ...part, used: cpuSeconds(part.pid) }))
  );
  const began = performance.now();
  await pause(plan.seconds * 3_000);
  const elapsed = (performance.now() - began) / 1_000;
  for (const { way } of chosen) {
    const figures: Figure[] = [];
    for (const end of ["near", "far"] as const) {
      const there = before.filter((part) => part.end === end && part.way === way.name);
      if (there.length === 0) continue;
      let [memory, percent] = [0, 0];
      for (const { pid, used } of there) {
        memory += residentBytes(pid) / 1e6;
        percent += (cpuSeconds(pid) - used) / elapsed * 100;
      }
      figures.push(
        { row: `idle memory, ${end} end`, unit: "MB", value: memory },
        { row: `idle processor, ${end} end`, unit: "%", value: percent },
      );
    }
    plan.take(way.name, IDLE, figures);
  }
}

function partsOf(way: Way, running: RunningTool): Part[] {
  return running.parts().filter((part) => part.way === way.name);
}

/** Looks at a way's memory until disposed, and keeps the largest sum seen at each end. */
function watchMemory(parts: () => Part[]) {
  const most = new Map<Part["end"], number>();
  const look = () => {
    const now = new Map<Part["end"], number>();
    for (const { end, pid } of parts()) {
      now.set(end, (now.get(end) ?? 0) + residentBytes(pid) / 1e6);
    }
    for (const [end, sum] of now) most.set(end, Math.max(sum, most.get(end) ?? 0));
  };
  const timer = setInterval(look, 200);
  return {
    figures: (): Figure[] =>
      [...most].filter(([end]) => end !== "middle").map(([end, value]) => ({
        row: `loaded memory, ${end} end`,
        unit: "MB",
        value,
      })),
    [Symbol.asyncDispose]() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
