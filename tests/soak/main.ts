/** `deno task soak --minutes N [--seed S]`; exits with 1 if something was as it must not be. */
import { parseArgs } from "node:util";
import { soak } from "./soak.ts";

const USAGE = "Usage: deno task soak --minutes N [--seed S]";

function options(args: string[]): { minutes: number; seed: number } {
  const { values } = parseArgs({
    args,
    options: { minutes: { type: "string" }, seed: { type: "string" } },
  });
  const minutes = Number(values.minutes);
  const seed = Number(
    values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
  );
  if (!(minutes >= 1)) throw new Error(`--minutes ${values.minutes}: wanted 1 or more`);
  if (!Number.isInteger(seed)) {
    throw new Error(`--seed ${values.seed} is no whole number`);
  }
  return { minutes, seed };
}

if (import.meta.main) {
  let asked;
  try {
    asked = options(Deno.args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    Deno.exit(2);
  }
  console.log(`soak of ${asked.minutes} min, seed ${asked.seed}`);
  const violations = await soak({ ...asked, print: console.log });
  console.log(
    violations.length === 0 ? "All is well" : `${violations.length} violations`,
  );
  Deno.exit(violations.length === 0 ? 0 : 1);
}
