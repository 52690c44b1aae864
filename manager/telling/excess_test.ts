import assert from "node:assert/strict";
import { FakeClock } from "../../link/_fake_clock.ts";
import { Excess } from "./excess.ts";

Deno.test("excess is told a second after it began, and then once a minute with its count", async () => {
  const clock = new FakeClock();
  const told: [pieces: number, bytes: number, at: number][] = [];
  const excess = new Excess(
    clock,
    (pieces, bytes) => told.push([pieces, bytes, clock.now()]),
  );
  await clock.pass(5000);
  assert.equal(clock.pending, 0);
  for (let i = 0; i < 130; i++) {
    excess.add(10);
    await clock.pass(1000, 1000);
  }
  assert.deepEqual(told, [[1, 10, 6000], [60, 600, 66_000], [60, 600, 126_000]]);
  excess.flush();
  assert.deepEqual(told.at(-1), [9, 90, clock.now()]);
  assert.equal(excess.total, 130);
  assert.equal(clock.pending, 0);
  excess.flush();
  assert.equal(told.length, 4);
});
