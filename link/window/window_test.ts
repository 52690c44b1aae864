import assert from "node:assert/strict";
import fc from "fast-check";
import { SendWindow } from "./window.ts";

/**
 * Sends over a path of `rate` bytes per ms and `base` ms, always with more to send; gives
 * the bytes sent.
 */
function run(
  window: SendWindow,
  options: { rate: number; base: number; ms: number; watch?: () => void },
): number {
  const { rate, base, ms, watch } = options;
  const pending: { at: number; total: number }[] = [];
  let sent = 0, free = 0;
  for (let now = 0; now < ms; now += 0.25) {
    while (pending.length > 0 && pending[0]!.at <= now) {
      window.taken(pending.shift()!.total, now);
    }
    while (window.room > 0) {
      const bytes = window.frameBytes;
      window.sent(bytes, now, true);
      sent += bytes;
      free = Math.max(free, now) + bytes / rate;
      pending.push({ at: free + base, total: sent });
    }
    window.blocked();
    watch?.();
  }
  return sent;
}

Deno.test("a very fast link that is never full is known all the same, and has whole frames", () => {
  const window = new SendWindow(0);
  let [now, sent] = [0, 0];
  // The window is in the way at first, and is soon more than what there is to send.
  while (window.bytes < 1 << 20) {
    for (; window.room > 0; sent += 8192) window.sent(8192, now, true);
    window.blocked();
    window.taken(sent, now += 0.1);
  }
  window.sent(1, now, false);
  window.taken(sent += 1, now += 1); // idle
  for (let round = 0; round < 1000; round++) {
    window.sent(65_536, now, false);
    window.taken(sent, now += 0.5); // all but that
    sent += 65_536;
  }
  assert.equal(window.frameBytes, 65_543);
  assert.ok(window.status().rate > 100e6, `${window.status().rate}`);
});

Deno.test("a window holds what path and target need, once the path is known", () => {
  const window = new SendWindow(0);
  run(window, { rate: 2500, base: 20, ms: 5000 });
  const { window: bytes, rate, base, mode } = window.status();
  assert.ok(Math.abs(rate / 2_500_000 - 1) < 0.05, `rate ${rate}`);
  assert.ok(base! > 17 && base! < 21, `base ${base}`);
  assert.ok(bytes > 2500 * 22 && bytes < 2500 * 27, `window ${bytes}`);
  assert.equal(mode, "steady");
});

Deno.test("a frame takes 2 ms at most, and is from 1400 bytes to a whole frame long", () => {
  for (
    const [rate, frame] of [[100, 1400], [2500, 3100], [12_500, 15_600], [1e6, 65_543]]
  ) {
    const window = new SendWindow(0, { rate: rate!, base: 0.1 });
    const { frameBytes } = window;
    assert.ok(Math.abs(frameBytes - frame!) < frame! * 0.06, `${rate}: ${frameBytes}`);
    assert.ok(frameBytes === 1400 || frameBytes <= rate! * 2);
    assert.ok(window.everyBytes <= Math.max(1024, window.status().window / 4));
  }
});

Deno.test("what the last link learned of a path is the first window of the next", () => {
  const first = new SendWindow(0);
  run(first, { rate: 625, base: 2, ms: 3000 });
  const next = new SendWindow(9, first.path);
  assert.equal(next.status().mode, "steady");
  assert.ok(next.status().window < 6000, `${next.status().window}`);
});

Deno.test("a path that has become a thousand times slower is noticed by a sender that never fills its window", () => {
  const window = new SendWindow(0, { rate: 190_000, base: 0.3 });
  const rate = 125;
  let [queued, taken] = [0, 0];
  for (let now = 0; now < 12_000; now += 10) {
    const passed = Math.min(queued, rate * 10);
    queued -= passed;
    taken += passed;
    window.taken(taken, now);
    while (queued < 800_000 && window.room > 0) {
      const bytes = Math.min(window.frameBytes, 800_000 - queued);
      window.sent(bytes, now, false);
      queued += bytes;
    }
    if (window.room <= 0) window.blocked();
  }
  assert.ok(queued < 20_000, `${queued} bytes wait on the path`);
  assert.ok(window.status().rate < 2 * rate * 1000, `${window.status().rate}`);
});

Deno.test("a fast path that is known has its window from the first byte", () => {
  const { room } = new SendWindow(0, { rate: 12_500, base: 40 });
  assert.ok(room > 12_500 * 45, `${room}`);
});

Deno.test("a sender that runs empty in a drain asks for no credits at once any more", () => {
  const window = new SendWindow(0, { rate: 2500, base: 5 });
  window.sent(20_000, 0, true);
  window.blocked();
  window.taken(10_000, 9);
  assert.equal(window.everyBytes, 0);
  window.sent(1000, 10, false);
  window.taken(21_000, 20);
  assert.ok(window.everyBytes > 0);
  assert.equal(window.status().mode, "steady");
});

Deno.test("an acknowledgement of more than was sent changes nothing but a count", () => {
  const window = new SendWindow(0);
  window.sent(1000, 0, false);
  const before = window.status();
  assert.equal(window.taken(1001, 1), false);
  assert.deepEqual(window.status(), { ...before, faults: 1 });
  assert.equal(window.taken(NaN, 1), true);
  assert.equal(window.taken(600, 2), true);
  assert.equal(window.taken(500, 3), true);
  assert.equal(window.status().underWay, 400);
});

Deno.test("each second under load is a drain, in which credits are wanted at once", () => {
  const window = new SendWindow(0);
  const wishes = new Map<string, Set<boolean>>();
  const watch = () => {
    const { mode } = window.status();
    wishes.set(mode, (wishes.get(mode) ?? new Set()).add(window.everyBytes === 0));
  };
  run(window, { rate: 2500, base: 5, ms: 6000, watch });
  const { drains } = window.status();
  assert.ok(drains >= 5 && drains <= 12, `${drains}`);
  assert.deepEqual([...wishes.get("draining")!], [true]);
  assert.deepEqual([...wishes.get("steady")!], [false]);
});

Deno.test("a link that idles neither drains nor forgets", () => {
  const window = new SendWindow(0);
  let total = run(window, { rate: 2500, base: 5, ms: 4000 });
  window.taken(total, 4010);
  const { path } = window;
  const { drains } = window.status();
  for (let now = 5000; now < 3_600_000; now += 10_000) {
    window.sent(100, now, false);
    window.taken(total += 100, now + 6);
  }
  assert.equal(window.status().underWay, 0);
  assert.equal(window.path.rate, path.rate);
  assert.ok(Math.abs(window.path.base - path.base) < 0.01);
  assert.ok(window.status().drains <= drains + 1);
});

Deno.test("a window that was in the way once does not grow by what would have fitted", () => {
  const window = new SendWindow(0);
  window.sent(40_000, 0, true);
  window.blocked();
  window.taken(40_000, 1);
  const { window: grown } = window.status();
  for (let total = 50_000, now = 1; total < 1e7; total += 10_000, now += 5) {
    window.sent(10_000, now, false);
    window.taken(total, now + 1);
  }
  assert.equal(grown, 32_768 + 40_000);
  assert.equal(window.status().window, grown);
});

Deno.test("whatever comes and whatever the clock says, an empty link has room", () => {
  const step = fc.record({
    pass: fc.oneof(
      fc.double({ min: 0, max: 20, noNaN: true }),
      fc.constantFrom(-1e7, 1e7, 1000, 60),
    ),
    send: fc.nat(200_000),
    isMore: fc.boolean(),
    isBlocked: fc.boolean(),
    take: fc.double({ min: -0.1, max: 1.2, noNaN: true }),
    isAlong: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const window = new SendWindow(0);
      let now = 0, sent = 0, taken = 0;
      for (const { pass, send, isMore, isBlocked, take, isAlong } of steps) {
        now += pass;
        if (window.room > 0) {
          const bytes = 1 + Math.min(send, Math.floor(window.room), 65_543);
          window.sent(bytes, now, isMore);
          sent += bytes;
        }
        if (isBlocked) window.blocked();
        const total = Math.floor(taken + (sent - taken) * take);
        assert.equal(window.taken(total, now), total <= sent);
        if (total <= sent) taken = Math.max(taken, total);
        if (isAlong) window.drainAlong(now);
        const { underWay, window: size } = window.status();
        assert.equal(underWay, sent - taken);
        assert.ok(Number.isFinite(window.room) && size >= 4096 && size <= 2 ** 26);
        assert.ok(window.room > 0 || underWay > 0, "an empty link without room");
        assert.ok(window.frameBytes >= 1400 && window.frameBytes <= 65_543);
        assert.ok(Number.isInteger(window.everyBytes) && window.everyBytes >= 0);
      }
    }),
    { seed: 42, numRuns: 300 },
  );
});

Deno.test("more writes than the ring holds count as older, and none is lost", () => {
  const window = new SendWindow(0, { rate: 100_000, base: 100 });
  let sent = 0;
  for (let i = 0; i < 5000; i++) {
    window.sent(100, i * 0.01, true);
    sent += 100;
  }
  for (let total = 0; total <= sent; total += 700) window.taken(total, 150);
  window.taken(sent, 150);
  const { underWay, roundTrip } = window.status();
  assert.equal(underWay, 0);
  assert.ok(roundTrip! >= 100 && roundTrip! <= 150, `${roundTrip}`);
});
