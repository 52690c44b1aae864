/**
 * The figures of this process.
 *
 * @module
 */
import process from "node:process";
import { descriptorLimit } from "../../transports/command/descriptor_limit.ts";
import type { ProcessFigures } from "../../wire/control/process_figures.ts";

/** Where Linux has an entry for each descriptor of the process that asks. */
const DESCRIPTORS = "/proc/self/fd";

/** The figures of this process, at the moment. Never throws. */
export function ownProcess(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  const openFiles = openDescriptors();
  const mostFiles = descriptorLimit();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: Deno.memoryUsage().rss,
    startedAt: performance.timeOrigin / 1000,
    ...(openFiles !== undefined && { openFiles }),
    ...(mostFiles !== undefined && { mostFiles }),
  };
}

/**
 * How many there are: the size of the folder since Linux 6.2, which costs the same however
 * many there are; before that it is 0, and they are counted.
 */
function openDescriptors(): number | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const { size } = Deno.statSync(DESCRIPTORS);
    if (size > 0) return size;
    let count = -1; // without that of the reading itself
    for (const _ of Deno.readDirSync(DESCRIPTORS)) count++;
    return count;
  } catch {
    return undefined; // hidden, or none is left for reading
  }
}
