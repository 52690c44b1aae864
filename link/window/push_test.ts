import assert from "node:assert/strict";
import { Push } from "./push.ts";

const KIB = 1024;

/** Two signs, a second apart. */
function begun(push: Push, now = 0): void {
  push.sign("idle", 4 * KIB, now);
  push.sign("idle", 4 * KIB, now + 1000);
}

Deno.test("a push goes on as long as each step makes the link twice as fast", () => {
  const push = new Push();
  push.sign("idle", 4 * KIB, 0);
  assert.equal(push.isOn, false, "one sign may be chance");
  push.sign("idle", 4 * KIB, 1000);
  assert.deepEqual([push.isOn, push.floor], [true, 16 * KIB]);
  let now = 1000;
  const interval = (rate: number) => push.interval(rate, true, now += 200);
  for (const rate of [900, 400, 400]) interval(rate);
  assert.equal(push.floor, 64 * KIB, "the rate of the first step is known");
  for (const rate of [400, 1600]) interval(rate);
  assert.equal(push.floor, 256 * KIB, "it was four times as fast");
  for (const rate of [1600, 1700, 1800]) interval(rate);
  assert.deepEqual([push.isOn, push.floor], [false, 64 * KIB], "what helped is kept");
  push.interval(1800, true, now + 29_000);
  assert.equal(push.floor, 64 * KIB);
  push.interval(1800, true, now + 30_000);
  assert.equal(push.floor, 0, "for a time");
});

Deno.test("what does not help is not tried again for ever longer", () => {
  const push = new Push();
  let now = 0;
  for (const waitMs of [20_000, 40_000, 80_000]) {
    begun(push, now += 1000);
    assert.ok(push.isOn);
    for (let i = 0; i < 6; i++) push.interval(500, true, now += 200);
    assert.deepEqual([push.isOn, push.floor], [false, 0]);
    begun(push, now + waitMs - 2000);
    assert.equal(push.isOn, false);
    now += waitMs;
  }
});

Deno.test("signs that are far apart, and a sender with nothing to send, are none", () => {
  const push = new Push();
  push.sign("idle", 4 * KIB, 0);
  push.sign("idle", 4 * KIB, 7000);
  assert.equal(push.isOn, false);
  push.sign("drain", 4 * KIB, 8000);
  assert.equal(push.isOn, false, "a quick drain weighs less");
  push.sign("drain", 4 * KIB, 9000);
  assert.equal(push.isOn, true);
  push.interval(500, false, 9200);
  assert.deepEqual([push.isOn, push.floor], [false, 0]);
});

Deno.test("a rate that fell and is better with a smaller window is a sign, if soon", () => {
  const push = new Push();
  push.fell(500, 0);
  push.rose(600, 8 * KIB, 200);
  push.rose(800, 8 * KIB, 400);
  push.fell(500, 3000);
  push.rose(900, 8 * KIB, 5000);
  assert.equal(push.isOn, false, "the second came too late");
  push.fell(500, 5200);
  push.rose(900, 8 * KIB, 5400);
  assert.equal(push.isOn, true);
});
