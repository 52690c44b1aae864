/**
 * The table of figures, and the names that measures are chosen by.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Results, table } from "./report.ts";
import { nameOf } from "./suite.ts";
import { SUITES } from "./suites.ts";

Deno.test("a figure is the median of the rounds, NoRouter's beside ratios to others", () => {
  const results = new Results();
  for (const value of [1, 9, 2]) {
    results.add("local", "ssh -L", { row: "round trip", unit: "ms", value });
    results.add("local", "norouter", { row: "round trip", unit: "ms", value: value * 2 });
  }
  results.add("slow", "ssh -L", { row: "round trip", unit: "ms", value: 50 });
  const own = results.cells.filter(({ suite }) => suite === "local");
  const [head, row] = table(own, ["ssh -L", "nobody"]).split("\n");
  assert.match(head!, /ssh -L +norouter$/);
  assert.match(row!, /^round trip \(ms\) +2\.00 +4\.00 +2\.00× +–$/);
});

Deno.test("no two measures have the same name", () => {
  const names = SUITES.flatMap(({ name, labels }) =>
    labels.map((label) => nameOf(name, label))
  );
  assert.equal(new Set(names).size, names.length);
});
