/**
 * How large the portable executable is, and how fast: first start, later starts, memory.
 *
 * A start is measured from the command to the first frame that an agent sends, which is
 * the answer to `configure`. Beside it, in the same rounds: an agent from the checkout,
 * and deno with an empty program, to show the speed of the machine at the moment.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { buildPortable } from "../release/portable.ts";
import { residentBytes } from "../tests/harness/scene/proc.ts";
import { encodeControl } from "../wire/control/control.ts";
import { median } from "./statistics.ts";

const root = new URL("../", import.meta.url).pathname;
/** An agent that has not answered by then has failed. */
const LIMIT_MS = 60_000;
const CONFIGURE = encodeControl({
  type: "request",
  body: {
    id: 1,
    op: "configure",
    args: {
      me: "127.0.42.77",
      forwards: [],
      others: [],
      hostnameMap: {},
      loopback: { disable: true },
      stateDir: { disable: true },
    },
  },
}).bytes;

function number(text: string): number {
  const value = Number(text);
  if (!(value >= 1)) throw new InvalidArgumentError("It must be a number from 1.");
  return value;
}

const { rounds } = new Command("deno task bench:start")
  .description("Measures size, first and later starts, and memory.")
  .option("--rounds <n>", "rounds, of which the median is taken", number, 11)
  .parse(Deno.args, { from: "user" })
  .opts<{ rounds: number }>();

interface Start {
  /** Milliseconds to the first frame. */
  readonly ms: number;
  /** Megabytes resident a second later. */
  readonly mb: number;
}

/** Starts an agent, configures the agent, and ends it by the end of its input. */
async function start(
  command: readonly string[],
  env: Record<string, string>,
): Promise<Start> {
  const [program, ...args] = command;
  const began = performance.now();
  const child = new Deno.Command(program!, {
    args: [...args, "agent", "--automated"],
    env,
    stdin: "piped",
    stdout: "piped",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(CONFIGURE);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const ms = performance.now() - began;
  if (!value) throw new Error(`${command.join(" ")} ended without a frame`);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const mb = residentBytes(child.pid) / 1e6;
  await writer.close();
  while (!(await reader.read()).done) { /* until it has ended */ }
  await child.status;
  return { ms, mb };
}

const folder = await Deno.makeTempDir({ prefix: "norouter-bench-" });
try {
  const { file } = await buildPortable("x64", folder, () => {});
  const empty = `${folder}/empty.js`;
  await Deno.writeTextFile(empty, "");
  const cache = (name: string) => ({ NOROUTER_CACHE: `${folder}/${name}` });
  const checkout = [Deno.execPath(), "run", "--quiet", "-A", `${root}cli.ts`];
  const firsts: number[] = [],
    laters: Start[] = [],
    sources: Start[] = [],
    bare: number[] = [];
  await start([file], cache("kept"));
  for (let round = 0; round < rounds; round++) {
    firsts.push((await start([file], cache(`round${round}`))).ms);
    await Deno.remove(`${folder}/round${round}`, { recursive: true });
    laters.push(await start([file], cache("kept")));
    sources.push(await start(checkout, {}));
    const began = performance.now();
    await new Deno.Command(Deno.execPath(), { args: ["run", "--quiet", empty] }).output();
    bare.push(performance.now() - began);
    console.error(
      `round ${round + 1}: first ${firsts.at(-1)!.toFixed(0)} ms, ` +
        `later ${laters.at(-1)!.ms.toFixed(0)} ms`,
    );
  }
  const base = median(bare);
  const { size } = await Deno.stat(file);
  const row = (name: string, value: number, unit: string, ratio = "") =>
    console.log(
      `${name.padEnd(44)}${
        value.toFixed(unit === "ms" ? 0 : 1).padStart(8)
      } ${unit}${ratio}`,
    );
  const timed = (name: string, times: number[]) =>
    row(
      name,
      median(times),
      "ms",
      `  (${(median(times) / base).toFixed(1)} × an empty program)`,
    );
  row("portable executable, size", size / 1e6, "MB");
  timed("first start, with unpacking, to the first frame", firsts);
  timed("later starts", laters.map(({ ms }) => ms));
  timed("from a checkout", sources.map(({ ms }) => ms));
  timed("deno, an empty program", bare);
  row("resident, idle agent", median(laters.map(({ mb }) => mb)), "MB");
  row("the same from a checkout", median(sources.map(({ mb }) => mb)), "MB");
} finally {
  await Deno.remove(folder, { recursive: true });
}
