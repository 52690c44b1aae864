import assert from "node:assert/strict";
import { Allowance, Budget } from "./budget.ts";

Deno.test("a budget allows a burst, and then what its rate gives", () => {
  const budget = new Budget({ perSecond: 10, burst: 3 }, 0);
  const spend = (now: number) => {
    const has = budget.has(1, now);
    if (has) budget.take(1);
    return has;
  };
  assert.deepEqual([spend(0), spend(0), spend(0), spend(0)], [true, true, true, false]);
  assert.deepEqual([spend(99), spend(100), spend(100)], [false, true, false]);
  // A long pause gives a burst and no more.
  const later = Array.from({ length: 5 }, () => spend(1e9));
  assert.deepEqual(later, [true, true, true, false, false]);
});

Deno.test("an allowance ends with the pieces or with the bytes, whichever comes first", () => {
  const limits = {
    pieces: { perSecond: 1, burst: 3 },
    bytes: { perSecond: 100, burst: 100 },
  };
  const small = new Allowance(limits, 0);
  assert.deepEqual([1, 1, 1, 1].map((size) => small.admits(size, 0)), [
    true,
    true,
    true,
    false,
  ]);
  const large = new Allowance(limits, 0);
  // What does not fit takes nothing from what does.
  assert.deepEqual([60, 60, 40].map((size) => large.admits(size, 0)), [
    true,
    false,
    true,
  ]);
});
