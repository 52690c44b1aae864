import assert from "node:assert/strict";
import { DOWN_MS, Neighbours } from "./neighbours.ts";

Deno.test("a host that is down is left out for a moment, one that is away until it is back", () => {
  let now = 0;
  const neighbours = new Neighbours(() => now);
  assert.equal(neighbours.isThere(1), true);
  neighbours.down(1);
  neighbours.away(2);
  assert.deepEqual([1, 2, 3].map((vip) => neighbours.isThere(vip)), [false, false, true]);
  now = DOWN_MS;
  assert.deepEqual([1, 2].map((vip) => neighbours.isThere(vip)), [true, false]);
  neighbours.back(2);
  assert.equal(neighbours.isThere(2), true);
});

Deno.test("a host that is away and then down is left out for a moment more", () => {
  let now = 0;
  const neighbours = new Neighbours(() => now);
  neighbours.away(1);
  neighbours.down(1);
  now = DOWN_MS;
  assert.equal(neighbours.isThere(1), true);
});

Deno.test("a manager that is back tells everything anew", () => {
  const neighbours = new Neighbours(() => 0);
  neighbours.away(1);
  neighbours.forget();
  assert.equal(neighbours.isThere(1), true);
});

Deno.test("no number of events takes more than its memory", () => {
  const neighbours = new Neighbours(() => 0);
  for (let vip = 0; vip < 10_000; vip++) neighbours.away(vip);
  assert.equal(neighbours.isThere(4095), false);
  assert.equal(neighbours.isThere(4096), true);
});
