/**
 * The steady benchmark: counts instead of times, the same in each run on any machine.
 *
 * Prints each count, and beside it the count that is written down in written.json if
 * that is another.
 *
 * @module
 */
import { Command } from "commander";
import { aligned } from "../report.ts";
import { deviations } from "./counter.ts";
import { COUNTERS, writeDown, writtenDown } from "./counters.ts";

const { write } = new Command("deno task bench:steady")
  .description("Counts what the pipeline and the stacks do for work that never changes.")
  .option("--write", "write the counts down as those to hold from now on")
  .parse(Deno.args, { from: "user" })
  .opts<{ write?: boolean }>();

const written = await writtenDown().catch(() => ({}) as Record<string, never>);
const all: Awaited<ReturnType<typeof writtenDown>> = {};
let differ = 0;
for (const counter of COUNTERS) {
  const counts = all[counter.name] = await counter.count();
  const others = deviations(counter, counts, written[counter.name]);
  differ += others.length;
  console.log(counter.name);
  console.log(aligned(
    Object.entries(counts).map(([name, count]) => {
      const other = others.find((each) => each.name === `${counter.name}: ${name}`);
      const beside = other ? `written down: ${other.written ?? "nothing"}` : "";
      return [`  ${name}`, `${count}`, beside];
    }),
  ));
}
if (write) await writeDown(all);
else if (differ > 0) {
  console.error(`${differ} counts are not as written down; --write accepts them.`);
  Deno.exit(1);
}
