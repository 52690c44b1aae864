import assert from "node:assert/strict";
import { FakeClock } from "./_fake_clock.ts";
import { Liveness } from "./liveness.ts";

function watch(answers = false) {
  const clock = new FakeClock();
  const pings: number[] = [];
  const deaths: number[] = [];
  const liveness = new Liveness(clock, {
    ping() {
      pings.push(clock.now());
      if (!answers) return;
      liveness.heard();
      liveness.listening();
    },
    dead: () => deaths.push(clock.now()),
  });
  return { clock, pings, deaths, liveness };
}

Deno.test("an agent is pinged every 5 s, and lives as long as it answers", async () => {
  const { clock, pings, deaths, liveness } = watch(true);
  await clock.pass(60_000, 1000);
  assert.deepEqual(pings.slice(0, 3), [5000, 10_000, 15_000]);
  assert.equal(pings.length, 12);
  assert.deepEqual(deaths, []);
  liveness.stop();
  assert.equal(clock.pending, 0);
});

Deno.test("15 s of silence are the end, told once", async () => {
  const { clock, deaths } = watch();
  await clock.pass(60_000, 1000);
  assert.deepEqual(deaths, [15_000]);
  assert.equal(clock.pending, 0);
});

Deno.test("anything that comes counts as a sign of life, not only answers", async () => {
  const { clock, deaths, liveness } = watch();
  for (let i = 0; i < 10; i++) {
    await clock.pass(10_000, 1000);
    liveness.heard();
    liveness.listening();
  }
  assert.deepEqual(deaths, []);
  liveness.stop();
});

Deno.test("a machine that slept pings at once and starts to count anew", async () => {
  const { clock, pings, deaths } = watch();
  await clock.pass(12_000, 1000);
  clock.sleep(3_600_000);
  await clock.pass(1000, 1000);
  assert.deepEqual(pings, [5000, 10_000, 13_000]);
  await clock.pass(14_000, 1000);
  assert.deepEqual(deaths, []);
  await clock.pass(1000, 1000);
  assert.deepEqual(deaths, [28_000]);
});

Deno.test("a manager that was stopped itself does not blame its agents", async () => {
  const { clock, deaths, liveness } = watch();
  await clock.pass(10_000, 1000);
  await clock.pass(60_000, 60_000);
  await clock.pass(14_000, 1000);
  assert.deepEqual(deaths, []);
  liveness.stop();
});

Deno.test("what came and is still worked on is no silence", async () => {
  const { clock, deaths, liveness } = watch();
  await clock.pass(10_000, 1000);
  liveness.heard();
  await clock.pass(60_000, 1000);
  assert.deepEqual(deaths, []);
  liveness.listening();
  await clock.pass(15_000, 1000);
  assert.deepEqual(deaths, [85_000]);
});

Deno.test("a manager that is always late to look counts only the time it had", async () => {
  const { clock, deaths } = watch();
  // Each look is a second late: half of the time it could not have listened.
  await clock.pass(28_000, 2000);
  assert.deepEqual(deaths, []);
  await clock.pass(2000, 2000);
  assert.deepEqual(deaths, [30_000]);
});

Deno.test("a wall clock set back changes nothing", async () => {
  const { clock, pings, liveness } = watch(true);
  await clock.pass(7000, 1000);
  clock.sleep(-3_600_000);
  await clock.pass(3000, 1000);
  assert.deepEqual(pings, [5000, 10_000]);
  liveness.stop();
});

Deno.test("behind a jump there may be less time, until something comes", async () => {
  const clock = new FakeClock();
  const deaths: string[] = [];
  const liveness = new Liveness(clock, {
    ping() {},
    dead: (reason) => deaths.push(`${clock.now()}: ${reason}`),
  }, { afterJump: 3000 });
  await clock.pass(10_000, 1000);
  clock.sleep(60_000);
  await clock.pass(3000, 1000);
  liveness.heard();
  liveness.listening();
  assert.equal(liveness.heardAt, 13_000);
  await clock.pass(10_000, 1000);
  assert.deepEqual(deaths, [], "as much as ever");
  clock.sleep(60_000);
  await clock.pass(4000, 1000);
  assert.deepEqual(deaths, [
    "27000: nothing came from it for 3 s after a jump of the clock",
  ]);
});
