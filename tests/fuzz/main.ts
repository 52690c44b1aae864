/**
 * Random and hostile input for all readers of strangers' bytes: `deno task fuzz [TARGET…]
 * [--seconds N] [--seed S]`, or `TARGET FILE…` for kept cases.
 *
 * A case that fails is made smaller, kept under tests/corpus/, where fuzz_test.ts
 * runs the case from then on, and told with the command that repeats the case.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Outcome, watch } from "./runner/watch.ts";
import { targetNames } from "./runner/targets.ts";

const USAGE = "Usage: deno task fuzz [TARGET…] [--seconds N] [--seed S]\n" +
  "       deno task fuzz TARGET FILE.json…";
/** Seconds for each target unless told otherwise. */
const SECONDS = 10;

/** The figures of a run, in a line. */
export function figures(name: string, { cases, seconds, seed }: Outcome): string {
  return `${name.padEnd(10)} ${cases} cases in ${seconds.toFixed(1)} s, seed ${seed}`;
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { seconds: { type: "string" }, seed: { type: "string" } },
  });
  const files = positionals.filter((word) => word.endsWith(".json"));
  const asked = positionals.filter((word) => !word.endsWith(".json"));
  const all = targetNames();
  const seconds = Number(values.seconds ?? SECONDS);
  // 31 bits, chosen anew unless given.
  const seed = Number(
    values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
  );
  const unknown = asked.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`no target "${unknown}": ${all.join(", ")}`);
  if (!(seconds > 0)) throw new Error(`--seconds ${values.seconds} is no time`);
  if (!Number.isInteger(seed)) {
    throw new Error(`--seed ${values.seed} is no whole number`);
  }
  if (files.length > 0 && asked.length !== 1) {
    throw new Error("kept cases need the one target that they are for");
  }
  let failures = 0;
  for (const target of asked.length > 0 ? asked : all) {
    const outcome = await watch(
      files.length > 0 ? { target, files } : { target, seed, seconds },
    );
    console.log(figures(target, outcome));
    if (outcome.failure === undefined) continue;
    failures++;
    console.error(outcome.failure);
    if (outcome.kept === undefined) continue;
    console.error(`The case: ${outcome.kept}`);
    console.error(`To repeat it: deno task fuzz ${target} ${outcome.kept}`);
  }
  return failures > 0 ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    Deno.exit(2);
  }
}
