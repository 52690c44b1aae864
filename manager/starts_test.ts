/**
 * The turns of hosts that are tried.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FakeClock, settle } from "../link/_fake_clock.ts";
import { AT_ONCE, Starts } from "./starts.ts";

const never = new Promise<void>(() => {});

/** Starts that take `ms` each, and the names of those that began. */
function sceneOf(ms: number) {
  const clock = new FakeClock();
  let spent = 0;
  const began: { name: string; at: number }[] = [];
  const starts = new Starts({ clock, spent: () => spent });
  const ask = async (name: string, { isUrgent = false, until = never } = {}) => {
    let isGivenUp = false;
    until.then(() => isGivenUp = true);
    await starts.turn(isUrgent, until);
    if (isGivenUp) return;
    spent += ms;
    began.push({ name, at: clock.now() });
  };
  const askAll = (count: number, name = "") => {
    for (let i = 0; i < count; i++) ask(`${name}${i}`);
  };
  return { clock, starts, began, ask, askAll };
}

Deno.test("hosts of a mesh of a usual size are all tried at once", async () => {
  const { starts, began, askAll } = sceneOf(30);
  askAll(AT_ONCE + 1);
  await settle();
  assert.equal(began.length, AT_ONCE + 1);
  assert.equal(starts.waiting, 0);
});

Deno.test("hundreds of hosts take a fifth of the time, however long a start takes", async () => {
  const { clock, began, askAll } = sceneOf(30);
  askAll(600);
  await clock.pass(20_000, 100);
  const later = began.filter(({ at }) => at > 10_000).length;
  // The pause is 120 ms, in steps of 100; one more each second is beside that.
  assert.ok(later >= 40 && later <= 10_000 / 120 + 11, `${later} starts`);
});

Deno.test("hosts that somebody waits for come first, and the others in their order", async () => {
  const { clock, starts, began, ask, askAll } = sceneOf(10);
  askAll(AT_ONCE + 1);
  await settle();
  for (const name of ["a", "b", "c"]) ask(name);
  ask("first", { isUrgent: true });
  assert.equal(starts.waiting, 4);
  await clock.pass(20_000, 50);
  assert.deepEqual(began.slice(AT_ONCE + 1).map(({ name }) => name), [
    "first",
    "a",
    "b",
    "c",
  ]);
  assert.equal(clock.pending, 0);
});

Deno.test("a host that is closed gives its turn up, and leaves no timer", async () => {
  const { clock, starts, began, ask, askAll } = sceneOf(10);
  askAll(AT_ONCE + 1);
  await settle();
  const closing = Promise.withResolvers<void>();
  ask("closed", { until: closing.promise });
  assert.equal(starts.waiting, 1);
  closing.resolve();
  await settle();
  assert.equal(starts.waiting, 0);
  assert.equal(clock.pending, 0);
  await clock.pass(20_000);
  assert.equal(began.length, AT_ONCE + 1);
});
