/**
 * Ten thousand connections that stay open: memory for each, the round trip beside them,
 * and what is given back when they have ended.
 *
 * @module
 */
import { until } from "../../tests/harness/scene/wait.ts";
import { pause } from "../../tests/harness/scene/wait.ts";
import { latencyFigures, probe, probed } from "../clients.ts";
import { labelsOf, type Plan, type Suite } from "../suite.ts";
import {
  type Memory,
  memoryFigures,
  memoryOf,
  type MeshAlone,
  openAlone,
  WAY,
} from "./mesh_alone.ts";

const CONNECTIONS = 10_000;
const QUICK_CONNECTIONS = 1_000;
/** Descriptors of a process for anything else than the connections. */
const OTHER_FILES = 200;
/** Seconds after which memory is looked at: garbage is collected, timers have run out. */
const SETTLE_SECONDS = 10;
const QUICK_SETTLE_SECONDS = 2;
/** Limit for opening all of them, and for their end. */
const LIMIT_MS = 120_000;
const MEASURE = "many open connections";

/** See the head of this file. */
export const many: Suite = {
  name: "many",
  needs: ["namespaces", "iperf3"],
  beside: [],
  labels: labelsOf([WAY], [MEASURE]),
  open: () => openAlone([MEASURE], play),
};

/** Files that a process of ours may have open. */
function fileLimit(): number {
  const text = Deno.readTextFileSync("/proc/self/limits");
  return Number(text.match(/^Max open files\s+(\d+)/m)?.[1] ?? Infinity);
}

async function play(mesh: MeshAlone, plan: Plan): Promise<void> {
  const limit = fileLimit();
  const wanted = plan.isQuick ? QUICK_CONNECTIONS : CONNECTIONS;
  const count = Math.min(wanted, limit - OTHER_FILES);
  const short = count < wanted ? `, too few for ${wanted} connections` : "";
  plan.note("open files of a process", `${limit}${short}`);
  plan.note("many open connections", `${count}`);
  const settle = (plan.isQuick ? QUICK_SETTLE_SECONDS : SETTLE_SECONDS) * 1_000;
  const { way } = mesh;

  const alone = await probed("round-trip", way, plan.seconds);
  await pause(settle);
  const before = memoryOf(mesh);
  await using holder = probe("hold", way, count);
  await holder.line(/^open$/, { limitMs: LIMIT_MS });
  await pause(settle);
  const open = memoryOf(mesh);
  const beside = await probed("round-trip", way, plan.seconds);
  holder.signal("SIGUSR1");
  await holder.end(LIMIT_MS);
  await until("the end of the connections", () => sockets(mesh) < OTHER_FILES, {
    limitMs: LIMIT_MS,
  });
  await pause(settle);
  const after = memoryOf(mesh);

  const each = (later: Memory): Memory => ({
    manager: (later.manager - before.manager) / count,
    agent: (later.agent - before.agent) / count,
  });
  const ratio = beside.p50 / alone.p50;
  plan.take(WAY, MEASURE, [
    ...memoryFigures("memory of an idle connection", each(open), "KB"),
    ...memoryFigures("kept of it after its end", each(after), "KB"),
    ...latencyFigures("round trip before", alone, "µs"),
    ...latencyFigures("round trip with many open", beside, "µs"),
    { row: "round trip with many open, p50, to that before", unit: "×", value: ratio },
  ]);
}

/** Descriptors of the manager and the agent, of which most are sockets. */
function sockets({ pids }: MeshAlone): number {
  return Math.max(
    ...Object.values(pids).map((pid) => [...Deno.readDirSync(`/proc/${pid}/fd`)].length),
  );
}
