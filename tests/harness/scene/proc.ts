/**
 * Linux's figures of a process: memory, processor time, children, namespace.
 *
 * @module
 */

/** Clock ticks a second in `/proc/PID/stat`; a constant of the Linux ABI (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** The fields of `/proc/PID/stat` after the command name, or nothing if the process is gone. */
function stat(pid: number): string[] | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name is in parentheses and may itself hold spaces and parentheses.
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Whether `pid` still runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  const state = stat(pid)?.[0];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Bytes of memory resident now (`VmRSS`), 0 if the process is gone. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, "VmRSS");
}

/** Most bytes that were ever resident (`VmHWM`), 0 if the process is gone. */
export function peakBytes(pid: number): number {
  return statusBytes(pid, "VmHWM");
}

function statusBytes(pid: number, field: string): number {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(text.match(new RegExp(`^${field}:\\s+(\\d+) kB`, "m"))?.[1] ?? 0) *
      1024;
  } catch {
    return 0;
  }
}

/** Seconds of processor time used so far, user and system, all threads. */
export function cpuSeconds(pid: number): number {
  const fields = stat(pid);
  if (fields === undefined) return 0;
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Every process of this machine that can be seen. */
function allPids(): number[] {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name))
    .filter((pid) => Number.isInteger(pid));
}

/** `pid`'s children, their children and so on. */
export function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const each of allPids()) {
    const parent = Number(stat(each)?.[1]);
    children.set(parent, [...children.get(parent) ?? [], each]);
  }
  const found: number[] = [];
  const walk = (of: number) => {
    for (const child of children.get(of) ?? []) {
      found.push(child);
      walk(child);
    }
  };
  walk(pid);
  return found;
}

/** The inode of the network namespace `pid` is in. */
function networkOf(pid: number): number | null | undefined {
  try {
    return Deno.statSync(`/proc/${pid}/ns/net`).ino;
  } catch {
    return undefined;
  }
}

/** The processes in a named network namespace (see `ip netns`) that still run. */
export function processesIn(namespace: string): number[] {
  return inNetwork(Deno.statSync(`/run/netns/${namespace}`).ino);
}

/** The processes that still run in the network namespace of `pid`, itself among them. */
export function processesBeside(pid: number): number[] {
  return inNetwork(networkOf(pid));
}

function inNetwork(network: number | null | undefined): number[] {
  return allPids().filter((pid) => networkOf(pid) === network && isAlive(pid));
}

/** The words of a process, separated by spaces; empty if the process is gone. */
export function commandLine(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

/** How many descriptors a process has, 0 if the process is gone. */
export function descriptorsOf(pid: number): number {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
  } catch {
    return 0;
  }
}
