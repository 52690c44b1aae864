/**
 * Resources of the manager and the agents: descriptors, memory, connections, processes.
 *
 * @module
 */
import { descendants, processesIn, residentBytes } from "../harness/scene/proc.ts";
import { type HostName, REMOTE, type World } from "./world.ts";

/** Descriptors that may come beside those of the base line: the runtime opens some late. */
const MORE_DESCRIPTORS = 4;
/** Bytes that may stay resident beside those of the base line: heaps are not trimmed. */
const MORE_BYTES = 256 * 2 ** 20;

/** The resources of a process. */
export interface Holding {
  readonly descriptors: number;
  readonly bytes: number;
}

/** By host; the manager's own agent is the manager. */
export type Holdings = Readonly<Record<HostName, Holding>>;

const ALL: readonly HostName[] = ["laptop", ...REMOTE];

/** The resources of each process now. */
export function holdings(world: World): Holdings {
  return Object.fromEntries(ALL.map((name) => {
    const pid = world.agent(name);
    const descriptors = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    return [name, { descriptors, bytes: residentBytes(pid) }];
  })) as unknown as Holdings;
}

/** For people: resident MiB and descriptors of each. */
export function describe(all: Holdings): string {
  return ALL.map((name) => {
    const { bytes, descriptors } = all[name];
    return `${name} ${Math.round(bytes / 2 ** 20)} MiB ${descriptors} fd`;
  }).join(", ");
}

/** States of `/proc/net/tcp` that are no connection: TIME_WAIT, CLOSE, LISTEN. */
const OVER = ["06", "07", "0A"];

/** Connections of the kernel that are open in the mesh's hosts, half or whole: one each. */
function openOnes(world: World): string[] {
  return ALL.flatMap((name) => {
    const lines = Deno.readTextFileSync(`/proc/${world.agent(name)}/net/tcp`).split("\n");
    return lines.slice(1).flatMap((line) => {
      const [, local, remote, state] = line.trim().split(/\s+/);
      if (state === undefined || OVER.includes(state)) return [];
      return [`${name}: ${local} to ${remote}, state ${state}`];
    });
  });
}

/** How many connections of the kernel are open in the mesh's hosts, half or whole. */
export function openConnections(world: World): number {
  return openOnes(world).length;
}

/** Resources beyond the base line, a line each; also hosts without exactly one agent. */
export function excess(world: World, base: Holdings): string[] {
  try {
    return compared(world, base);
  } catch (error) {
    return [`cannot compare: ${error}`];
  }
}

function compared(world: World, base: Holdings): string[] {
  const found = openOnes(world).map((one) => `a connection is still open: ${one}`);
  const now = holdings(world);
  for (const name of ALL) {
    const { descriptors, bytes } = now[name];
    const before = base[name];
    if (descriptors > before.descriptors + MORE_DESCRIPTORS) {
      found.push(`${name}: ${descriptors} descriptors, ${before.descriptors} before`);
    }
    if (bytes > before.bytes + MORE_BYTES) {
      found.push(`${name}: ${bytes} bytes resident, ${before.bytes} before`);
    }
  }
  const children = descendants(world.manager.pid).length;
  if (children !== REMOTE.length) found.push(`the manager has ${children} processes`);
  return found;
}

/** Processes in the hosts that none of ours started, by id. */
export function strangers(world: World, ours: readonly number[]): number[] {
  return ALL.flatMap((name) => processesIn(world.namespace(name).name))
    .filter((pid) => !ours.includes(pid));
}
