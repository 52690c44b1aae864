/**
 * All counters of the steady benchmark. A new one is a file beside this and a line here.
 *
 * @module
 */
import type { Counter, Counts } from "./counter.ts";
import { flowing, stalled } from "./pipeline.ts";
import { counters as stacks } from "./stacks.ts";

export const COUNTERS: readonly Counter[] = [flowing, stalled, ...stacks];

const FILE = new URL("./written.json", import.meta.url);

/** The counts that are written down, by counter. */
export async function writtenDown(): Promise<Record<string, Counts>> {
  return JSON.parse(await Deno.readTextFile(FILE));
}

/** Writes other counts down. */
export async function writeDown(counts: Record<string, Counts>): Promise<void> {
  await Deno.writeTextFile(FILE, JSON.stringify(counts, null, 2) + "\n");
}
