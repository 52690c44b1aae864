import assert from "node:assert/strict";
import { FakeClock } from "../_fake_clock.ts";
import { Acknowledger } from "./acknowledger.ts";
import { Taken } from "./taken.ts";

Deno.test("a few bytes are acknowledged 5 ms late, many after 1 ms", () => {
  const taken = new Taken();
  assert.equal(taken.due(0), Infinity);
  taken.took(100, 10);
  assert.equal(taken.due(10), 15);
  taken.took(100, 14);
  assert.equal(taken.due(14), 15);
  taken.tell(15);
  assert.equal(taken.total, 200);
  assert.equal(taken.due(15), Infinity);
  taken.took(4096, 15.5);
  assert.equal(taken.due(15.5), 16);
});

Deno.test("a peer that drains is told of each read, and a changed wish is told too", () => {
  const taken = new Taken();
  taken.tell(0);
  taken.every = 0;
  taken.took(1, 5);
  assert.ok(taken.due(5) <= 5);
  taken.tell(5);
  taken.ask(3000);
  assert.equal(taken.due(7), Infinity);
  taken.ask(0);
  assert.equal(taken.due(7), 6);
  taken.tell(7);
  taken.ask(3000);
  assert.equal(taken.due(7), 8);
});

Deno.test("a clock that goes back delays a credit by no more than usual", () => {
  const taken = new Taken();
  taken.tell(10_000);
  taken.took(5000, 10_000);
  assert.equal(taken.due(10_000), 10_001);
  assert.equal(taken.due(50), 51);
  assert.equal(taken.due(51), 51);
  taken.tell(51);
  taken.took(1, 51);
  assert.equal(taken.due(20), 25);
});

function acknowledge() {
  const clock = new FakeClock();
  const credits: [number, number, number][] = [];
  const acknowledger = new Acknowledger({
    clock,
    send: (taken, every) => credits.push([clock.now(), taken, every]),
  });
  return { clock, credits, acknowledger };
}

Deno.test("bytes from before a peer is known to take credits count, and are told first", () => {
  const { clock, credits, acknowledger } = acknowledge();
  acknowledger.took(1000);
  assert.equal(clock.pending, 0);
  acknowledger.start();
  acknowledger.start();
  assert.deepEqual(credits, [[0, 1000, 4096]]);
});

Deno.test("a hundred reads share one timer, and none is left when all is told", async () => {
  const { clock, credits, acknowledger } = acknowledge();
  acknowledger.start();
  await clock.pass(10, 1);
  for (let i = 0; i < 100; i++) acknowledger.took(10);
  assert.equal(clock.pending, 1);
  await clock.pass(20, 1);
  assert.deepEqual(credits.slice(1), [[15, 1000, 4096]]);
  assert.equal(clock.pending, 0);
});

Deno.test("full speed is a credit a millisecond at most, told by reads", async () => {
  const { clock, credits, acknowledger } = acknowledge();
  acknowledger.start();
  for (let i = 0; i < 80; i++) {
    await clock.pass(0.25, 0.25);
    acknowledger.took(64 * 1024);
  }
  assert.ok(credits.length >= 18 && credits.length <= 21, String(credits.length));
  await clock.pass(10, 1);
  assert.equal(credits.at(-1)![1], 80 * 64 * 1024);
  assert.equal(clock.pending, 0);
});

Deno.test("a link that has ended holds no timer and sends no credit", async () => {
  const { clock, credits, acknowledger } = acknowledge();
  acknowledger.start();
  acknowledger.took(10);
  acknowledger.stop();
  assert.equal(clock.pending, 0);
  acknowledger.took(100_000);
  await clock.pass(20, 1);
  assert.equal(credits.length, 1);
});
