/**
 * The counts of the steady benchmark are those that are written down.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Counter, deviations } from "./counter.ts";
import { COUNTERS, writtenDown } from "./counters.ts";

for (const counter of COUNTERS) {
  Deno.test(`as many as written down: ${counter.name}`, async () => {
    const counts = await counter.count();
    console.log(counter.name, counts);
    const written = (await writtenDown())[counter.name];
    // If they are meant to differ: deno task bench:steady --write
    assert.deepEqual(deviations(counter, counts, written), []);
  });
}

Deno.test("a count that is new, gone, or beyond the tolerance is a deviation", () => {
  const counter: Counter = {
    name: "c",
    tolerance: 0.1,
    count: () => Promise.resolve({}),
  };
  const names = (counts: Record<string, number>, written: Record<string, number>) =>
    deviations(counter, counts, written).map(({ name }) => name);
  assert.deepEqual(names({ a: 105, b: 1 }, { a: 100, b: 1 }), []);
  assert.deepEqual(names({ a: 111 }, { a: 100 }), ["c: a"]);
  assert.deepEqual(names({ a: 1 }, { b: 1 }), ["c: a", "c: b"]);
});
