/**
 * Memory under load: four streams there and back at once, after twenty thousand
 * connections that lasted an echo, and again some time later.
 *
 * @module
 */
import { pause } from "../../tests/harness/scene/wait.ts";
import { probe, resultOf } from "../clients.ts";
import { labelsOf, type Plan, type Suite } from "../suite.ts";
import {
  memoryFigures,
  memoryOf,
  type MeshAlone,
  openAlone,
  peakDuring,
  WAY,
} from "./mesh_alone.ts";

const CONNECTIONS = 20_000;
const QUICK_CONNECTIONS = 1_000;
const STREAMS = 4;
/** Seconds of the streams, for the memory to get as large as ever. */
const LEAST_SECONDS = 20;
const QUICK_SECONDS = 2;
/** Seconds after the streams at which memory is looked at again. */
const LATER_SECONDS = 45;
const QUICK_LATER_SECONDS = 3;
const CHURN_LIMIT = 180;
const MEASURE = "memory under load";

/** See the head of this file. */
export const load: Suite = {
  name: "load",
  needs: ["namespaces", "iperf3"],
  beside: [],
  labels: labelsOf([WAY], [MEASURE]),
  open: () => openAlone([MEASURE], play),
};

async function play(mesh: MeshAlone, plan: Plan): Promise<void> {
  const { way } = mesh;
  const idle = memoryOf(mesh);
  const connections = plan.isQuick ? QUICK_CONNECTIONS : CONNECTIONS;
  await using churn = probe("churn", way, connections);
  await resultOf(churn, CHURN_LIMIT);
  const churned = memoryOf(mesh);
  const seconds = plan.isQuick ? QUICK_SECONDS : Math.max(LEAST_SECONDS, plan.seconds);
  await using flood = probe("flood", way, seconds, STREAMS);
  const flooding = resultOf(flood, seconds) as Promise<{ bytes: number }>;
  const loaded = await peakDuring(mesh, flooding);
  const rate = (await flooding).bytes * 8 / seconds / 1e9;
  const later = plan.isQuick ? QUICK_LATER_SECONDS : LATER_SECONDS;
  await pause(later * 1_000);
  plan.take(WAY, MEASURE, [
    ...memoryFigures("memory before any load", idle, "MB"),
    ...memoryFigures(`memory after ${connections} connections`, churned, "MB"),
    { row: "four streams there and back, each way", unit: "Gbit/s", value: rate },
    ...memoryFigures("most memory beside them", loaded, "MB"),
    ...memoryFigures(`memory ${later} s later`, memoryOf(mesh), "MB"),
  ]);
}
