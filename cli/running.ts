/**
 * The mesh that a command is about: the one that runs, or the one that is named.
 *
 * @module
 */
import { ControlClient, ControlError } from "../control/client.ts";
import { type FoundMesh, runningMeshes, unusablePlaces } from "../control/place.ts";
import { didYouMean } from "../manifest/fields.ts";
import { quote } from "../manifest/source/value.ts";
import { columns } from "./console/columns.ts";
import { stderr } from "./console/console.ts";
import { openLog } from "./console/log.ts";
import { fail } from "./failure.ts";
import type { GlobalOptions } from "./options.ts";

/** The options of commands for a mesh that runs. */
export interface LiveOptions extends GlobalOptions {
  /** Which mesh. */
  readonly mesh?: string | undefined;
  /** The form of a result. */
  readonly format?: "table" | "json";
  /** The same as the format `json`. */
  readonly json?: boolean;
}

/** Wrong usage: the user has to say which. */
const WHICH = 2;

/** Looks for a mesh that is not there, and the milliseconds between them. */
const LOOKS = 3;
const LOOK_MS = 100;
/** Milliseconds between looks whether a mesh has ended. */
const END_LOOK_MS = 20;

/** Whether the result is for programs. */
export function isJson({ format, json = false }: LiveOptions): boolean {
  return json || format === "json";
}

/**
 * Asks the mesh that is meant, and gives the exit status: that of `use`, or 1 if the mesh
 * is not there or says no, or 2 if several run and none is named.
 */
export async function withMesh(
  options: LiveOptions,
  use: (client: ControlClient, mesh: FoundMesh) => Promise<number>,
): Promise<number> {
  const { mesh: wanted } = options;
  let meshes: FoundMesh[] = [];
  let named: FoundMesh[] = [];
  // One that has just told that it is ready opens its socket in this moment.
  for (let look = 0; look < LOOKS && named.length === 0; look++) {
    if (look > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    meshes = runningMeshes();
    named = meshes.filter(({ name }) => wanted === undefined || name === wanted);
  }
  const [mesh, ...more] = named;
  if (!mesh) return fail(new Error(noneOf(meshes, wanted)), options);
  if (more.length > 0) {
    const message = `Several meshes run; --mesh NAME says which:\n${listOf(meshes)}`;
    openLog(options).event({ level: "error", type: "usage", message });
    return WHICH;
  }
  using client = new ControlClient(mesh);
  try {
    return await use(client, mesh);
  } catch (error) {
    if (!(error instanceof ControlError)) return fail(error, options);
    return tellRefusal(error, options);
  }
}

/** Whether the mesh of this process ends within `ms`. */
export async function hasEnded(pid: number, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (runningMeshes().some((mesh) => mesh.pid === pid)) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, END_LOOK_MS));
  }
  return true;
}

/** Faults of a manifest stand alone, in the form that editors know. */
function tellRefusal(error: ControlError, options: LiveOptions): number {
  if (error.faults.length === 0) return fail(error, options);
  if (options.logFormat === "json") {
    const log = openLog(options);
    for (const { at, message } of error.faults) {
      log.event({ level: "error", type: "manifest", message }, { at });
    }
  } else {
    for (const { at, message } of error.faults) {
      stderr.line([31, `${at}: error: ${message}`]);
    }
  }
  return 1;
}

function noneOf(meshes: readonly FoundMesh[], wanted: string | undefined): string {
  const start = [`"norouter FILE" starts one`, ...unusablePlaces()].join("\n");
  if (meshes.length === 0) {
    const mesh = wanted === undefined
      ? "No mesh"
      : `No mesh ${quote(wanted)}, nor any other,`;
    return `${mesh} of this user runs on this machine; ${start}`;
  }
  const names = meshes.map(({ name }) => name);
  const hint = didYouMean(wanted!, names);
  const first = `No mesh ${quote(wanted!)} runs${
    hint || `; there is ${names.join(", ")}`
  }`;
  return [first, ...unusablePlaces()].join("\n");
}

/** A line for each mesh. */
export function listOf(meshes: readonly FoundMesh[]): string {
  return columns(meshes.map(({ name, manifest, pid }) => [
    name,
    manifest,
    `(process ${pid})`,
  ])).trimEnd();
}
