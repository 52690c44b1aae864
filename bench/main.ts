/**
 * The benchmark: NoRouter beside what does the same, in suites; see suite.ts.
 *
 * A figure is the median over the rounds.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { needs } from "../tests/harness/scene/requirements.ts";
import { comparison } from "./compare.ts";
import { measureExecutable } from "./program.ts";
import { type Report, Results, shown, table } from "./report.ts";
import { nameOf, type Plan, type Suite } from "./suite.ts";
import { SUITES } from "./suites.ts";

/** The model name of the processor. */
function processorName(): string {
  const text = Deno.readTextFileSync("/proc/cpuinfo");
  return text.match(/^model name\s*:\s*(.*)$/m)?.[1] ?? "unknown";
}

function number(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, "i");
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

function report(path: string): Report {
  try {
    const value = JSON.parse(Deno.readTextFileSync(path));
    if (!Array.isArray(value.results)) throw new Error("It has no results");
    return value;
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly only: RegExp;
  readonly list?: boolean;
  readonly quick?: boolean;
  readonly program?: string;
  readonly json?: string;
  readonly compare?: Report;
}

const options = new Command("deno task bench")
  .description("Measures NoRouter beside what does the same; all of it takes an hour.")
  .option("--rounds <n>", "rounds, of which the median is taken", number, 3)
  .option("--seconds <s>", "seconds of each run", number, 3)
  .option("--only <pattern>", "what to run, matched on the names of --list", pattern, /./)
  .option("--list", "print SUITE/WAY: MEASURE of all there is, and end")
  .option("--quick", "one round of one second: a look, not a measurement")
  .option("--program <path>", "an executable to be measured in place of the source")
  .option("--json <path>", "where the figures go; bench/results/DATE.json by default")
  .option("--compare <path>", "show the figures beside those of an earlier run", report)
  .parse(Deno.args, { from: "user" })
  .opts<Options>();

if (options.program !== undefined) measureExecutable(Deno.realPathSync(options.program));
const rounds = options.quick ? 1 : options.rounds;
const seconds = options.quick ? 1 : options.seconds;
const facts: Record<string, unknown> = {
  date: new Date().toISOString(),
  deno: Deno.version.deno,
  kernel: Deno.osRelease(),
  processors: `${navigator.hardwareConcurrency} × ${processorName()}`,
  rounds,
  seconds,
};

/** Plays all rounds of a suite. */
async function play(suite: Suite, results: Results): Promise<void> {
  const note = (name: string, fact: string) => facts[name] = fact;
  await using open = await suite.open(note);
  for (let round = 0; round < rounds; round++) {
    const plan: Plan = {
      round,
      seconds,
      isQuick: options.quick ?? false,
      wants: (way, measure) => options.only.test(nameOf(suite.name, { way, measure })),
      take(way, measure, figures) {
        for (const figure of figures) results.add(suite.name, way, figure);
        if (figures.length === 0) return;
        const text = figures.map(({ row, unit, value }) =>
          `${row.replace(`${measure}, `, "").replace(measure, "")} ${
            shown(value)
          } ${unit}`
            .trim()
        );
        console.error(`round ${round + 1}  ${way}  ${measure}: ${text.join(", ")}`);
      },
      note,
    };
    await open.play(plan);
  }
}

const chosen = SUITES.map((suite) => ({
  suite,
  names: suite.labels.map((label) => nameOf(suite.name, label))
    .filter((name) => options.only.test(name)),
})).filter(({ names }) => names.length > 0);
if (options.list) {
  for (const { names } of chosen) console.log(names.join("\n"));
  Deno.exit();
}
if (chosen.length === 0) {
  console.error("Nothing has such a name; --list shows what there is.");
  Deno.exit(1);
}
const results = new Results();
const failed: string[] = [];
for (const { suite } of chosen) {
  const { missing } = needs(...suite.needs);
  try {
    if (missing.length > 0) throw new Error(`this machine lacks ${missing.join("; ")}`);
    await play(suite, results);
  } catch (error) {
    // The others' figures are worth having.
    console.error(`The suite ${suite.name} has ended early: ${(error as Error).message}`);
    failed.push(suite.name);
  }
}

const { cells } = results;
const shownFacts = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
console.log(shownFacts.join("; "));
for (const { suite: { name, beside } } of chosen) {
  const own = cells.filter(({ suite }) => suite === name);
  if (own.length === 0) continue;
  console.log(`\n${name}`);
  console.log(table(own, beside));
  if (beside.length > 0 && own.some(({ way }) => way.startsWith("norouter"))) {
    console.log(`Behind NoRouter's figures: their ratios to ${beside.join(" and to ")}.`);
  }
}
if (options.compare) console.log(`\n${comparison(cells, options.compare)}`);

const folder = new URL("./results/", import.meta.url).pathname;
const path = options.json ?? `${folder}${`${facts["date"]}`.replaceAll(":", "")}.json`;
if (options.json === undefined) await Deno.mkdir(folder, { recursive: true });
await Deno.writeTextFile(path, JSON.stringify({ ...facts, results: cells }, null, 2));
console.log(`\nWritten to ${path}`);
if (failed.length > 0) {
  console.error(`Not complete: ${failed.join(", ")}`);
  Deno.exit(1);
}
