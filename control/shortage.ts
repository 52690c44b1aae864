/**
 * Whether a mesh does not answer because its process has no file descriptors left: then it
 * cannot accept the client that asks, and only the system can tell.
 *
 * @module
 */

/** Descriptors that a process without any may have at the moment of the look. */
const FEW = 4;

/** Why a process cannot accept clients, for people; undefined if not for that. Linux only. */
export function shortageOf(pid: number): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const limits = Deno.readTextFileSync(`/proc/${pid}/limits`);
    const limit = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
    const count = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    if (count < limit - FEW) return undefined;
    return `it has no file descriptors left (limit ${limit}), and answers when ` +
      "connections have ended; start norouter with a higher limit (`ulimit -n`)";
  } catch {
    return undefined; // gone, or not ours to look at
  }
}
