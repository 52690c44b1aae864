/**
 * promtool, asked about metrics, and about what queries find in series over time.
 *
 * @module
 */
import { needs } from "../harness/scene/requirements.ts";

/** What promtool said. */
export interface Told {
  readonly status: number;
  readonly text: string;
}

/** A series by its name and labels, and its values: one a minute, in promtool's notation. */
export interface Series {
  readonly series: string;
  readonly values: string;
}

/** Series, and for each expression whether it finds anything at a time. */
export interface QueryTest {
  readonly name: string;
  readonly series: readonly Series[];
  /** Minutes after the first values. */
  readonly minute: number;
  readonly found: readonly string[];
  readonly notFound?: readonly string[];
}

/** Declares a test that needs promtool. */
export function withPromtool(name: string, fn: () => Promise<void>): void {
  const { ignore, missing } = needs("promtool");
  if (ignore) console.log(`Left out, for want of ${missing}: ${name}`);
  Deno.test({ name, ignore, fn });
}

/** Runs promtool. */
export async function promtool(args: readonly string[], input = ""): Promise<Told> {
  const child = new Deno.Command("promtool", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writing = new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await writing;
  const decoder = new TextDecoder();
  return { status: code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Runs tests of queries, and of the alerts in `rules`, if given. */
export async function testQueries(
  tests: readonly QueryTest[],
  rules?: string,
): Promise<Told> {
  const folder = await Deno.makeTempDir({ prefix: "norouter-test-" });
  try {
    const path = `${folder}/tests.json`; // JSON is YAML
    await Deno.writeTextFile(
      path,
      JSON.stringify({
        rule_files: rules === undefined ? [] : [rules],
        evaluation_interval: "1m",
        tests: tests.map(({ name, series, minute, found, notFound = [] }) => ({
          name,
          interval: "1m",
          input_series: series,
          promql_expr_test: [
            ...found.map((query) => `count(${query}) > bool 0`),
            ...notFound.map((query) => `absent(count(${query}))`),
          ].map((expr) => ({
            expr,
            eval_time: `${minute}m`,
            exp_samples: [{ labels: "{}", value: 1 }],
          })),
        })),
      }),
    );
    return await promtool(["test", "rules", path]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The samples of a text, as series over an hour: counters grow, and gauges stay. */
export function seriesOf(text: string, labels: string): Series[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const at = line.lastIndexOf(" ");
      const [, name = "", inside] = /^(\w+)(?:\{(.*)\})?$/.exec(line.slice(0, at))!;
      const value = Number(line.slice(at + 1));
      return {
        series: `${name}{${inside === undefined ? "" : `${inside},`}${labels}}`,
        values: name.endsWith("_total") ? `${value}+10x60` : `${value}+0x60`,
      };
    });
}
