/**
 * Processes of this machine, as `/proc` shows them: a number and a start time name one.
 *
 * @module
 */

/** The fields of `stat` behind the name's bracket, before the start time (field 22). */
const FIELDS_BEFORE_START = 19;

/** The start time of a process, in ticks since the boot; undefined if it is gone. */
export function startOf(pid: number | "self"): string | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return undefined; // dead, and nobody has asked how
    return fields[FIELDS_BEFORE_START];
  } catch {
    return undefined;
  }
}

/** The user of a process; undefined if it is gone. */
export function ownerOf(pid: number): number | undefined {
  try {
    return Deno.statSync(`/proc/${pid}`).uid ?? undefined;
  } catch {
    return undefined;
  }
}

/** The numbers by which this process has the same open file as `fd`, that one included. */
export function samesOf(fd: number): number[] {
  const wanted = identityOf(fd);
  if (wanted === undefined) return [];
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name))
    .filter((each) => identityOf(each) === wanted);
}

/** Whether a descriptor of this process can be part of a link. */
export function isPipeOrSocket(fd: number): boolean {
  const { isFifo, isSocket } = Deno.statSync(`/proc/self/fd/${fd}`);
  return Boolean(isFifo || isSocket);
}

function identityOf(fd: number): string | undefined {
  try {
    const { dev, ino } = Deno.statSync(`/proc/self/fd/${fd}`);
    return `${dev} ${ino}`;
  } catch {
    return undefined; // that of the look itself
  }
}
