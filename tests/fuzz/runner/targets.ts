/**
 * Finds the targets: the files of the folder above that export a target.
 *
 * @module
 */
import type { FuzzTarget } from "../target.ts";

const FOLDER = new URL("../", import.meta.url);
const EXPORT = /^export const target\b/m;

/** The names of all targets, in the order of the alphabet. */
export function targetNames(): string[] {
  return [...Deno.readDirSync(FOLDER)]
    .filter(({ name, isFile }) => isFile && name.endsWith(".ts"))
    .filter(({ name }) => EXPORT.test(Deno.readTextFileSync(new URL(name, FOLDER))))
    .map(({ name }) => name.slice(0, -".ts".length))
    .sort();
}

/** Loads a target, whose type of case nobody else knows. */
export async function loadTarget(name: string): Promise<FuzzTarget<unknown>> {
  const { target } = await import(new URL(`${name}.ts`, FOLDER).href);
  if (target?.name !== name) {
    throw new Error(`tests/fuzz/${name}.ts does not export a target called "${name}"`);
  }
  return target;
}
