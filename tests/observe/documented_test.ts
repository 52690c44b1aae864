/**
 * The page about metrics has each metric and each alert, as they are.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { METRICS } from "../../control/metrics.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = Deno.readTextFileSync(new URL("docs/observe_metrics.md", ROOT));

/** The rows of the page's tables whose first cell is code: that, and the other cells. */
const ROWS: ReadonlyMap<string, readonly string[]> = new Map(
  [...PAGE.matchAll(/^\| `(\w+)` +\|(.*)\|$/gm)].map(([, name = "", rest = ""]) => [
    name,
    rest.split("|").map((cell) => cell.trim()),
  ]),
);

Deno.test("every metric is in a table, with its type, its labels and its help", () => {
  for (const { name, type, labels, help } of METRICS) {
    const told = labels.map((label) => `\`${label}\``).join(", ") || "-";
    assert.deepEqual(ROWS.get(name), [type, told, help], name);
  }
  const names = new Set(METRICS.map(({ name }) => name));
  for (const name of ROWS.keys()) {
    assert.ok(names.has(name) || name.startsWith("NoRouter"), `there is no ${name}`);
  }
});

Deno.test("every alert is in a table", () => {
  const text = Deno.readTextFileSync(new URL("examples/alerts.yml", ROOT));
  const { groups: [{ rules }] } = parse(text);
  const alerts = rules.map(({ alert }: { alert: string }) => alert);
  const rows = [...ROWS.keys()].filter((name) => name.startsWith("NoRouter"));
  assert.deepEqual(rows, alerts);
});
