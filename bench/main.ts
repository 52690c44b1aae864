/**
 * The benchmark: NoRouter beside `ssh -L`, a chain of two socat, and the bare loopback.
 *
 * All tools are up during a round, idle but for the tool that is measured, so that each
 * measure visits them in immediate succession and other load of the machine falls on all
 * of them. A figure is the median over the rounds. See world.ts for the arrangement.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { needs } from "../tests/harness/scene/requirements.ts";
import { Results, table } from "./report.ts";
import { playRound } from "./round.ts";
import type { Tool } from "./tool.ts";
import { bare } from "./tools/bare.ts";
import { isBuilt, norouter } from "./tools/norouter.ts";
import { socat } from "./tools/socat.ts";
import { ssh } from "./tools/ssh.ts";
import { makeWorld } from "./world.ts";

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

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly only: RegExp;
  readonly quick?: boolean;
  readonly json?: string;
}

const options = new Command("deno task bench")
  .description(
    "Measures NoRouter beside ssh -L, a chain of two socat and the bare loopback.",
  )
  .option("--rounds <n>", "rounds, of which the median is taken", number, 3)
  .option("--seconds <s>", "seconds of each run", number, 3)
  .option("--only <pattern>", 'what to run, matched on "WAY: MEASURE"', pattern, /./)
  .option("--quick", "one round of one second: a look, not a measurement")
  .option("--json <path>", "where the figures go; bench/results/DATE.json by default")
  .parse(Deno.args, { from: "user" })
  .opts<Options>();

const rounds = options.quick ? 1 : options.rounds;
const seconds = options.quick ? 1 : options.seconds;

const { missing } = needs("namespaces", "iperf3", "ssh", "sshd", "ssh-keygen", "socat");
if (missing.length > 0) {
  console.error(`The benchmark cannot run: this machine lacks ${missing.join("; ")}.`);
  Deno.exit(1);
}

const only = options.only;
const tools: Tool[] = [bare, ssh, socat, norouter].filter((tool) =>
  tool !== norouter || isBuilt()
);
const results = new Results();
const notes: Record<string, string> = {};
await using world = await makeWorld();
for (const tool of tools) Object.assign(notes, await tool.prepare?.(world));
for (let round = 0; round < rounds; round++) {
  await playRound({ world, tools, round, seconds, only, results });
}

const ways = tools.flatMap((tool) => tool.ways(world)).map(({ name }) => name)
  .filter((name) => results.cells.some(({ way }) => way === name));
const facts = {
  date: new Date().toISOString(),
  deno: Deno.version.deno,
  kernel: Deno.osRelease(),
  processors: `${navigator.hardwareConcurrency} × ${processorName()}`,
  rounds,
  seconds,
  ...notes,
};
console.log(Object.entries(facts).map(([name, value]) => `${name}: ${value}`).join("; "));
console.log(table(results.cells, ways));
console.log(
  "Behind NoRouter's figures: their ratios to ssh -L and to the bare loopback.",
);

const folder = new URL("./results/", import.meta.url).pathname;
await Deno.mkdir(folder, { recursive: true });
const path = options.json ?? `${folder}${facts.date.replaceAll(":", "")}.json`;
await Deno.writeTextFile(
  path,
  JSON.stringify({ ...facts, results: results.cells }, null, 2),
);
console.log(`Written to ${path}`);
