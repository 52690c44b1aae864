import assert from "node:assert/strict";
import { decodeCredit, encodeCredit } from "../../wire/credit.ts";
import { FakeClock } from "../_fake_clock.ts";
import { Credits } from "./credits.ts";

/** One end: the credits that it sent, and its end of the link. */
function end(clock: FakeClock) {
  const sent: { taken: number; every: number }[] = [];
  let opened = 0;
  const credits = new Credits({
    clock,
    send: (taken, every) => sent.push({ taken, every }),
    opened: () => opened++,
  });
  return { credits, sent, opened: () => opened };
}

const payloadOf = (taken: number, every: number) =>
  encodeCredit({ taken, every }).payload;

Deno.test("nothing is acknowledged to a peer that may not know of it", async () => {
  const clock = new FakeClock();
  const { credits, sent } = end(clock);
  credits.took(100_000);
  await clock.pass(1000);
  assert.deepEqual([sent, credits.window, clock.pending], [[], undefined, 0]);
});

Deno.test("a credit starts the other end too, and counts from the start of the link", async () => {
  const clock = new FakeClock();
  const [a, b] = [end(clock), end(clock)];
  a.credits.took(300);
  a.credits.start();
  assert.equal(a.sent[0]?.taken, 300);
  assert.equal(a.credits.window, undefined, "the other end has acknowledged nothing");

  b.credits.came(payloadOf(300, 4096));
  assert.ok(b.credits.isStarted);
  assert.equal(b.sent[0]?.taken, 0);
  assert.ok(b.credits.window && b.opened() > 0);
  a.credits.came(payloadOf(0, 4096));
  assert.ok(a.credits.window);
  a.credits.stop();
  b.credits.stop();
  await clock.pass(100);
  assert.equal(clock.pending, 0);
});

Deno.test("bytes sent before the window are under way and no measure of the path", async () => {
  const clock = new FakeClock();
  let began = false;
  const sender = new Credits({
    clock,
    send: () => {},
    opened(window) {
      if (!began) window.began(5000);
      began = true;
    },
  });
  sender.came(payloadOf(1000, 4096));
  assert.equal(sender.status()?.underWay, 4000);
  await clock.pass(3);
  sender.came(payloadOf(5000, 4096));
  assert.deepEqual(
    [sender.status()?.underWay, sender.status()?.roundTrip],
    [0, undefined],
  );
  sender.stop();
});

Deno.test("credits that make no sense change nothing and are counted", () => {
  const clock = new FakeClock();
  const { credits } = end(clock);
  credits.came(payloadOf(0, 4096));
  const before = credits.status()!;
  credits.came(new Uint8Array(3));
  credits.came(new Uint8Array(12).fill(0xff));
  credits.came(payloadOf(2 ** 40, 4096)); // never sent so much
  assert.deepEqual(credits.status(), { ...before, faults: 3 });
  credits.stop();
});

Deno.test("what a credit says is what was written", () => {
  const credit = { taken: 2 ** 40 + 7, every: 0 };
  assert.deepEqual(decodeCredit(encodeCredit(credit).payload), credit);
});
