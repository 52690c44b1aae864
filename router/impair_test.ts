import assert from "node:assert/strict";
import type { Frame } from "../wire/frame.ts";
import { batchesOf, collect, controlFrame, packetFrame } from "./_test_packets.ts";
import { impair } from "./impair.ts";

const frames = (count: number) =>
  Array.from({ length: count }, (_, seq) => packetFrame({ seq }));

/** A clock that moves only when somebody sleeps. */
function fakeClock() {
  const clock = { time: 0, now: () => clock.time, sleep: (ms: number) => sleep(ms) };
  const sleep = async (ms: number) => {
    await new Promise((resolve) => setTimeout(resolve));
    clock.time += ms;
  };
  return clock;
}

Deno.test("the same seed loses the same packets, about as many as asked for", async () => {
  const all = frames(10_000);
  const run = async (seed: number) =>
    (await collect(impair({ loss: 0.1, seed })(batchesOf([...all])))).flat();
  const first = await run(1);
  assert.deepEqual(await run(1), first);
  assert.notDeepEqual(await run(2), first);
  assert.ok(Math.abs(first.length - 9000) < 150, `${first.length} of 10000 came`);
});

Deno.test("small seeds are as good as any: few of them lose the first packet", async () => {
  let lost = 0;
  for (let seed = 0; seed < 100; seed++) {
    lost += 1 - (await collect(impair({ loss: 0.1, seed })(batchesOf(frames(1))))).length;
  }
  assert.ok(lost > 0 && lost < 25, `${lost} of 100`);
});

Deno.test("control frames are not lost", async () => {
  const frame = controlFrame();
  const out = await collect(
    impair({ loss: 1 })(batchesOf([packetFrame(), frame], frames(3))),
  );
  assert.deepEqual(out, [[frame]]);
});

Deno.test("frames come late by the delay, in order, and more is taken in meanwhile", async () => {
  const clock = fakeClock();
  const seen: number[] = [];
  const out: Frame[] = [];
  for await (
    const batch of impair({ delay: 50, ...clock })(batchesOf(frames(2), frames(1)))
  ) {
    seen.push(clock.time);
    out.push(...batch);
  }
  assert.deepEqual(seen, [50, 50]);
  assert.equal(out.length, 3);
});

Deno.test("no more is taken in than the limit while frames are held", async () => {
  let taken = 0;
  async function* source() {
    for (let i = 0; i < 10; i++) {
      taken++;
      yield frames(1);
    }
  }
  const clock = fakeClock();
  let sleeps = 0;
  const sleep = (ms: number) => {
    sleeps++;
    return clock.sleep(ms);
  };
  const options = { delay: 50, limitBytes: 96, now: clock.now, sleep };
  let out = 0;
  for await (const _ of impair(options)(source())) {
    out++;
    assert.ok(taken - out <= 2);
  }
  assert.deepEqual([out, sleeps], [10, 5]);
});

Deno.test("an error comes after the frames before it", async () => {
  async function* source() {
    yield frames(1);
    throw new Error("broken");
  }
  const batches = impair({ delay: 5, ...fakeClock() })(source())[Symbol.asyncIterator]();
  assert.equal((await batches.next()).value.length, 1);
  await assert.rejects(async () => await batches.next(), { message: "broken" });
});

Deno.test("a consumer that stops early ends the source", async () => {
  let ended = false;
  async function* source() {
    try {
      while (true) yield frames(1);
    } finally {
      ended = true;
    }
  }
  const options = { delay: 5, limitBytes: 200, ...fakeClock() };
  for await (const _ of impair(options)(source())) break;
  await new Promise((resolve) => setTimeout(resolve));
  assert.ok(ended);
});

Deno.test("a timer of its own delays by real time", async () => {
  const started = performance.now();
  await collect(impair({ delay: 20 })(batchesOf(frames(1))));
  assert.ok(performance.now() - started >= 19);
});
