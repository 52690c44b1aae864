/**
 * Runs the tests and closes with a line `N passed, N failed`, which continuous
 * integration reads.
 *
 * Arguments are those of `deno test`. Without any, all tests run, in two lanes side by side:
 * most of an end-to-end test is waiting. What the second lane prints comes file by file.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { build } from "../stack/lwip/build.ts";
import { withoutColors } from "../wire/text.ts";

/** Folders that take half of the time; the other lane has all else. */
const HALF = ["failures", "live", "packages", "policy", "soak"]
  .map((folder) => `tests/${folder}`);

/** The end of a lane. */
interface Outcome {
  readonly code: number;
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

/** Runs `deno test` with these arguments; a lane that `isLater` prints a file when it is over. */
async function run(args: readonly string[], isLater: boolean): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", ...args],
    cwd: new URL("../", import.meta.url),
    stdout: "piped",
  }).spawn();
  const held: string[] = [];
  const print = () => {
    if (held.length > 0) console.log(held.join("\n"));
    held.length = 0;
  };
  let counts: RegExpExecArray | null = null;
  const input = Readable.fromWeb(child.stdout as Parameters<typeof Readable.fromWeb>[0]);
  for await (const line of createInterface({ input })) {
    const plain = withoutColors(line);
    if (plain.startsWith("running ")) print();
    held.push(line);
    if (!isLater) print();
    counts = COUNTS.exec(plain) ?? counts;
  }
  print();
  const { code } = await child.status;
  if (counts === null) {
    console.error(`deno test ended with status ${code} and counted nothing`);
    return { code: code || 1, passed: 0, failed: 1, ignored: 0 };
  }
  const [passed, failed, ignored] = counts.slice(1).map((count) => Number(count ?? 0));
  return { code, passed: passed!, failed: failed!, ignored: ignored! };
}

const COUNTS = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?:.*?\| (\d+) ignored)?/;

await build({ log: console.error });
const lanes = Deno.args.length > 0 ? [Deno.args] : [HALF, [`--ignore=${HALF.join()}`]];
const outcomes = await Promise.all(lanes.map((args, at) => run(args, at > 0)));
const sum = (field: keyof Outcome) =>
  outcomes.reduce((total, outcome) => total + outcome[field], 0);
console.log(
  `${sum("passed")} passed, ${sum("failed")} failed` +
    (sum("ignored") === 0 ? "" : `, ${sum("ignored")} skipped`),
);
Deno.exit(outcomes.find(({ code }) => code !== 0)?.code ?? 0);
