/** Finds the targets: every file of the folder above that is neither a program nor private. */
import type { FuzzTarget } from "../target.ts";

const FOLDER = new URL("../", import.meta.url);
/** Files of the folder that hold no target; nor do those that begin with `_`. */
const OTHERS = ["main.ts", "target.ts"];

/** The names of all targets, in the order of the alphabet. */
export function targetNames(): string[] {
  return [...Deno.readDirSync(FOLDER)]
    .map(({ name }) => name)
    .filter((name) =>
      name.endsWith(".ts") && !name.startsWith("_") && !OTHERS.includes(name)
    )
    .map((name) => name.slice(0, -".ts".length))
    .sort();
}

/** Loads one. What a case holds is its own business. */
export async function loadTarget(name: string): Promise<FuzzTarget<unknown>> {
  const { target } = await import(new URL(`${name}.ts`, FOLDER).href);
  if (target?.name !== name) {
    throw new Error(`tests/fuzz/${name}.ts does not export a target called "${name}"`);
  }
  return target;
}
