/**
 * The comparison of two runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { changes, comparison } from "./compare.ts";
import type { Cell } from "./report.ts";
import type { Unit } from "./suite.ts";

function cell(row: string, unit: Unit, median: number, suite?: string): Cell {
  return { ...suite && { suite }, row, unit, way: "norouter", median, rounds: [median] };
}

Deno.test("less throughput and more of anything else is worse, beyond 3 %", () => {
  for (
    const [unit, before, now, isWorse] of [
      ["Gbit/s", 10, 9.6, true],
      ["Gbit/s", 10, 9.8, false],
      ["Mbit/s", 10, 20, false],
      ["µs", 100, 104, true],
      ["µs", 100, 102, false],
      ["s/GiB", 2, 1, false],
    ] as const
  ) {
    const [change] = changes([cell("a", unit, now)], [cell("a", unit, before)]);
    assert.equal(change!.isWorse, isWorse, `${before} to ${now} ${unit}`);
  }
});

Deno.test("figures that only one of the runs has are shown and not judged", () => {
  const earlier = {
    date: "2026-01-01T00:00:00Z",
    results: [cell("gone", "ms", 1), cell("b", "ms", 1)],
  };
  const now = [cell("new", "ms", 5), cell("b", "ms", 1, "local"), cell("gone", "µs", 9)];
  const [first, second, third] = changes(now, earlier.results);
  assert.deepEqual([first!.before, first!.isWorse], [undefined, false]);
  assert.deepEqual([second!.before, second!.ratio], [1, 1]);
  assert.equal(third!.before, undefined, "of another unit");
  assert.match(
    comparison(now, earlier),
    /0 of 1 figures are worse by more than 3 %; 2 are new$/,
  );
});

Deno.test("a row of one suite is not compared with that of another", () => {
  const [change] = changes([cell("a", "ms", 5, "slow")], [cell("a", "ms", 1, "local")]);
  assert.equal(change!.before, undefined);
});
