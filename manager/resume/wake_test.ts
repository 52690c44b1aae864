import assert from "node:assert/strict";
import { FakeClock } from "../../link/_fake_clock.ts";
import { watchJumps } from "./wake.ts";

/** A watch, and how often it told of a jump. */
function watch() {
  const clock = new FakeClock();
  const seen = { jumps: 0 };
  const stop = watchJumps(clock, () => seen.jumps++);
  return { clock, seen, stop };
}

Deno.test("a machine that slept is noticed within a second, once", async () => {
  const { clock, seen, stop } = watch();
  await clock.pass(10_000, 500);
  assert.equal(seen.jumps, 0);
  clock.sleep(60_000);
  await clock.pass(1000, 500);
  assert.equal(seen.jumps, 1);
  await clock.pass(10_000, 500);
  assert.equal(seen.jumps, 1);
  stop();
  assert.equal(clock.pending, 0);
});

Deno.test("a process that was stopped is noticed when it goes on", async () => {
  const { clock, seen, stop } = watch();
  await clock.pass(7000, 7000);
  assert.equal(seen.jumps, 1);
  stop();
});

Deno.test("a busy process, and a clock that is set right, are no jump", async () => {
  const { clock, seen, stop } = watch();
  await clock.pass(5000, 5000);
  clock.sleep(4000);
  await clock.pass(1000, 1000);
  clock.sleep(-3_600_000);
  await clock.pass(1000, 1000);
  assert.equal(seen.jumps, 0);
  stop();
});
