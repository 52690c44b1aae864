/**
 * A mesh with nothing beside it, and the memory of its processes, for the measures that
 * only look at NoRouter itself.
 *
 * @module
 */
import { residentBytes } from "../../tests/harness/scene/proc.ts";
import { pause } from "../../tests/harness/scene/wait.ts";
import { probe, resultOf } from "../clients.ts";
import type { Figure, OpenSuite, Plan } from "../suite.ts";
import type { Way } from "../tool.ts";
import { FROM_MANAGER, norouter } from "../tools/norouter.ts";
import { makeWorld } from "../world.ts";

/** The way of these measures. */
export const WAY = FROM_MANAGER;
const READY_LIMIT = 30;

/** A mesh that is ready. */
export interface MeshAlone {
  readonly way: Way;
  /** Processes by their part. */
  readonly pids: Readonly<Record<"manager" | "agent", number>>;
}

/** Opens a suite that plays with a fresh mesh in each round, if something of it is wanted. */
export async function openAlone(
  measures: readonly string[],
  play: (mesh: MeshAlone, plan: Plan) => Promise<void>,
): Promise<OpenSuite> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await makeWorld());
  await norouter.prepare!(world);
  const all = stack.move();
  return {
    async play(plan) {
      if (!measures.some((measure) => plan.wants(WAY, measure))) return;
      await using running = await norouter.start(world);
      const way = norouter.ways(world).find(({ name }) => name === WAY)!;
      await using client = probe("ready", way, READY_LIMIT);
      await resultOf(client, READY_LIMIT);
      const pidOf = (end: string) =>
        running.parts().find((part) => part.way === WAY && part.end === end)!.pid;
      await play({ way, pids: { manager: pidOf("near"), agent: pidOf("far") } }, plan);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Bytes resident of the manager and the agent. */
export interface Memory {
  readonly manager: number;
  readonly agent: number;
}

/** The memory of now. */
export function memoryOf({ pids }: MeshAlone): Memory {
  return { manager: residentBytes(pids.manager), agent: residentBytes(pids.agent) };
}

/** The largest memory of each until `work` has settled. */
export async function peakDuring(mesh: MeshAlone, work: Promise<unknown>) {
  const peak = { manager: 0, agent: 0 };
  let isOver = false;
  const finished = work.finally(() => isOver = true);
  finished.catch(() => {}); // awaited below
  while (!isOver) {
    const now = memoryOf(mesh);
    peak.manager = Math.max(peak.manager, now.manager);
    peak.agent = Math.max(peak.agent, now.agent);
    await pause(100);
  }
  await finished;
  return peak;
}

/** A row for each part. */
export function memoryFigures(
  row: string,
  memory: Memory,
  unit: "MB" | "KB",
): Figure[] {
  return (["manager", "agent"] as const).map((part) => ({
    row: `${row}, ${part}`,
    unit,
    value: memory[part] / (unit === "MB" ? 1e6 : 1e3),
  }));
}
