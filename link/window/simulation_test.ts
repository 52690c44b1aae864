import assert from "node:assert/strict";
import { chance } from "./_loop.ts";
import { mbit, type Result, type Scenario, simulate } from "./_simulation.ts";
import type { SendWindow } from "./window.ts";

/** A line as `tc tbf` makes it. */
const line = (rate: number, delay = 0.1) => ({ rate: mbit(rate), burst: 32_768, delay });

function show(scenario: Scenario, result: Result): string {
  const { left, right } = result;
  return JSON.stringify({
    scenario,
    p50: result.p(0.5),
    p99: result.p(0.99),
    to: result.to / scenario.to.rate,
    from: result.from / scenario.from.rate,
    left: (left as SendWindow | undefined)?.status(),
    right: (right as SendWindow | undefined)?.status(),
  });
}

/** Runs a scenario, and asserts what `check` says of it, or shows everything. */
function expect(scenario: Scenario, check: (result: Result) => boolean): Result {
  const result = simulate(scenario);
  assert.ok(check(result), show(scenario, result));
  return result;
}

/** The middle round trip of echoes that ended in a second of the simulation. */
function roundTripIn(result: Result, second: number, seconds = 1): number {
  const of = result.echoes.filter((_, i) =>
    result.echoTimes[i]! >= second * 1000 &&
    result.echoTimes[i]! < (second + seconds) * 1000
  );
  return of.sort((a, b) => a - b)[of.length >> 1] ?? NaN;
}

/** The share of `rate` that bulk had in a second of the simulation. */
function shareIn(result: Result, second: number, rate: number, seconds = 1): number {
  const ticks = result.course.slice(second * 10, (second + seconds) * 10);
  return ticks.reduce((sum, bytes) => sum + (bytes ?? 0), 0) / (seconds * 1000 * rate);
}

Deno.test("no echo waits behind bulk on slow lines, and the lines are full", () => {
  for (const bulk of ["to", "from"] as const) {
    for (const [rate, p50, p99] of [[5, 10, 20], [20, 7, 11], [100, 7, 10]] as const) {
      for (let seed = 1; seed <= 5; seed++) {
        const scenario = { seed, ms: 8000, bulk, to: line(rate), from: line(rate) };
        expect(scenario, (result) =>
          result.p(0.5) <= p50 && result.p(0.99) <= p99 &&
          result[bulk] >= mbit(rate) * 0.97);
      }
    }
  }
});

Deno.test("bulk that begins on an unknown path is quick, and its queue is short-lived", () => {
  /** Mbit/s, ms each way, the longest echo in ms, and the share of the first 500 ms. */
  const paths: [number, number, number, number][] = [
    [5, 0.1, 200, 0.95],
    [20, 0.1, 60, 0.95],
    [20, 20, 130, 0.6],
    [100, 0.1, 24, 0.95],
    [100, 20, 130, 0.4],
    [1000, 1, 35, 0.9],
  ];
  for (const [rate, delay, worst, share] of paths) {
    for (let seed = 1; seed <= 3; seed++) {
      const scenario: Scenario = {
        ...{ seed, ms: 3000, warmup: 0, bulk: "to", echoEvery: 10 },
        ...{ to: line(rate, delay), from: line(rate, delay) },
      };
      expect(scenario, (result) =>
        Math.max(...result.echoes) < worst &&
        roundTripIn(result, 1, 2) < 2 * delay * 1.5 + 25 &&
        result.course.slice(0, 5).reduce((sum, bytes) => sum + (bytes ?? 0), 0) >
          share * 500 * mbit(rate));
    }
  }
});

Deno.test("a path of 40 ms adds no more than its round trip, and is full", () => {
  for (const bulk of ["to", "from"] as const) {
    for (let seed = 1; seed <= 5; seed++) {
      const scenario = { seed, ms: 8000, bulk, to: line(20, 20), from: line(20, 20) };
      expect(
        scenario,
        (result) =>
          result.p(0.5) <= 55 && result.p(0.99) <= 75 && result[bulk] >= mbit(20) * 0.95,
      );
    }
  }
});

Deno.test("on any path the queue is a few milliseconds, or a share of the path", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = chance(seed * 7919);
    const rate = 2 * 250 ** random();
    const delay = 0.05 * 600 ** random();
    const jitter = random() < 0.5 ? 0 : random() * delay * 0.3;
    const scenario: Scenario = {
      seed,
      ms: 6000,
      bulk: random() < 0.5 ? "to" : "from",
      to: { ...line(rate, delay), jitter },
      from: { ...line(rate, delay), jitter },
    };
    const base = 2 * (delay + jitter);
    const fast = Math.max(0, rate - 200) / 40;
    expect(
      scenario,
      (result) =>
        result.p(0.5) <= base * 1.35 + Math.max(7, 6500 / mbit(rate)) + fast &&
        result.p(0.99) <= base * 1.9 + Math.max(15, 9000 / mbit(rate)) + fast &&
        result[scenario.bulk as "to" | "from"] >= mbit(rate) * (jitter > 0 ? 0.9 : 0.92),
    );
  }
});

Deno.test("bulk both ways leaves both lines nearly full, and neither queue runs away", () => {
  for (const [rate, delay] of [[5, 0.1], [20, 0.1], [100, 0.1], [20, 20]] as const) {
    for (let seed = 1; seed <= 4; seed++) {
      const scenario: Scenario = {
        seed,
        ms: 15_000,
        bulk: "both",
        to: line(rate, delay),
        from: line(rate, delay),
      };
      expect(
        scenario,
        (result) =>
          result.p(0.5) <= 2 * delay * 1.6 + 14 &&
          result.p(0.99) <= 2 * delay * 2.5 + 25 &&
          Math.min(result.to, result.from) >= mbit(rate) * 0.88 &&
          result.to + result.from >= 2 * mbit(rate) * 0.93,
      );
    }
  }
  const jittery = { ...line(20, 20), jitter: 6 };
  for (let seed = 1; seed <= 6; seed++) {
    const scenario: Scenario = {
      ...{ seed, ms: 12_000, bulk: "both" },
      ...{ to: jittery, from: jittery },
    };
    expect(
      scenario,
      (result) =>
        result.p(0.5) <= 85 && Math.min(result.to, result.from) >= mbit(20) * 0.75,
    );
  }
});

Deno.test("a fast link loses nothing to its window, even if nobody is scheduled for 50 ms", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = chance(seed);
    const rate = mbit(1000 * 10 ** random());
    const delay = 0.01 + random() * 0.09;
    const scenario: Scenario = {
      seed,
      ms: 2500,
      warmup: 500,
      bulk: random() < 0.5 ? "to" : "from",
      capacity: 2 ** 20,
      to: { rate, delay },
      from: { rate, delay },
      stalls: { every: 30 + random() * 200, most: 10 + random() * 40 },
    };
    const bulk = scenario.bulk as "to" | "from";
    const without = simulate({ ...scenario, makeWindow: undefined });
    expect(scenario, (result) => result[bulk] >= without[bulk] * 0.97);
  }
});

Deno.test("processes that stall now and then cost a slow line little", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const stalls = { every: 100, most: 30 };
    const scenario: Scenario = {
      ...{ seed, ms: 10_000, bulk: "to", stalls },
      ...{ to: line(20, 1), from: line(20, 1) },
    };
    expect(
      scenario,
      (result) =>
        result.to >= mbit(20) * 0.85 && result.p(0.5) <= 15 && result.p(0.99) <= 80,
    );
  }
});

Deno.test("a line that becomes twenty times slower has no long queue after 2 s", () => {
  for (const delay of [0.1, 20]) {
    const scenario: Scenario = {
      ...{
        seed: 1,
        ms: 12_000,
        bulk: "to",
        to: line(100, delay),
        from: line(100, delay),
      },
      script: ({ loop, to }) => loop.at(5000, () => to.options.rate = mbit(5)),
    };
    expect(scenario, (result) =>
      roundTripIn(result, 4) < 2 * delay * 1.4 + 10 &&
      roundTripIn(result, 7) < 2 * delay * 1.5 + 40 &&
      roundTripIn(result, 9, 3) < 2 * delay * 1.4 + 15 &&
      shareIn(result, 7, mbit(5), 5) > 0.93);
  }
});

Deno.test("a line that becomes twenty times faster is full within 2 s", () => {
  for (const delay of [0.1, 20]) {
    const scenario: Scenario = {
      ...{ seed: 1, ms: 10_000, bulk: "to", to: line(5, delay), from: line(100, delay) },
      script: ({ loop, to }) => loop.at(5000, () => to.options.rate = mbit(100)),
    };
    expect(scenario, (result) => shareIn(result, 7, mbit(100), 3) > 0.93);
  }
});

Deno.test("a path that becomes ten times longer is full after 4 s, with a queue for 15", () => {
  const scenario: Scenario = {
    ...{ seed: 1, ms: 24_000, bulk: "to", to: line(20, 2), from: line(20, 2) },
    script: ({ loop, to, from }) =>
      loop.at(5000, () => to.options.delay = from.options.delay = 20),
  };
  expect(scenario, (result) =>
    shareIn(result, 9, mbit(20), 15) > 0.93 &&
    roundTripIn(result, 9, 11) < 150 && roundTripIn(result, 21, 3) < 60);
});

Deno.test("a path that becomes ten times shorter has no queue of its former length", () => {
  const scenario: Scenario = {
    ...{ seed: 1, ms: 8000, bulk: "to", to: line(20, 20), from: line(20, 20) },
    script: ({ loop, to, from }) =>
      loop.at(5000, () => to.options.delay = from.options.delay = 2),
  };
  expect(
    scenario,
    (result) => roundTripIn(result, 6) < 12 && shareIn(result, 5, mbit(20), 3) > 0.95,
  );
});

Deno.test("a peer that was stopped for seconds goes on as before", () => {
  for (const side of ["left", "right"] as const) {
    for (const rate of [20, 1000]) {
      const scenario: Scenario = {
        ...{ seed: 1, ms: 10_000, bulk: "to", to: line(rate, 2), from: line(rate, 2) },
        script: (world) => world.loop.at(5000, () => world[side].stall(8000)),
      };
      expect(scenario, (result) =>
        shareIn(result, 8, mbit(rate), 2) > 0.95 &&
        roundTripIn(result, 9) < (rate === 20 ? 12 : 40));
    }
  }
});

Deno.test("a clock that jumps by hours, to and fro, changes nothing", () => {
  for (const jump of [3_600_000, -3_600_000, 50, -50]) {
    const scenario: Scenario = {
      ...{ seed: 1, ms: 10_000, bulk: "to", to: line(20, 2), from: line(20, 2) },
      clock: (now) => now < 5000 ? now : now + jump,
    };
    expect(
      scenario,
      (result) =>
        shareIn(result, 5, mbit(20), 5) > 0.95 && roundTripIn(result, 6, 4) < 12,
    );
  }
});

Deno.test("a way back that carries few acknowledgements keeps the way there full", () => {
  for (const [rate, back] of [[20, 0.5], [100, 2]] as const) {
    const scenario: Scenario = {
      ...{ seed: 1, ms: 10_000, bulk: "to", overhead: 80 },
      ...{ to: line(rate, 10), from: line(back, 10) },
    };
    expect(scenario, (result) => result.to > mbit(rate) * 0.93 && result.p(0.5) < 40);
  }
});

Deno.test("bulk in pieces neither queues nor raises the rate that is believed", () => {
  for (let seed = 1; seed <= 3; seed++) {
    const scenario: Scenario = {
      ...{ seed, ms: 10_000, bulk: "to", pieces: { bytes: 200_000, ms: 200 } },
      ...{ to: line(20, 1), from: line(20, 1) },
    };
    const { left } = expect(scenario, (result) => result.p(0.99) < 20);
    const { rate } = (left as SendWindow).path;
    assert.ok(rate < mbit(20) * 1.4, `${rate}`);
  }
});

Deno.test("beside a cubic flow bulk has its share, and yields to delay once it is gone", () => {
  for (const delay of [0.1, 2, 20]) {
    const shares: number[] = [];
    for (let seed = 1; seed <= 4; seed++) {
      const limit = mbit(20) * 40;
      const scenario: Scenario = {
        ...{ seed, ms: 25_000, warmup: 8000, bulk: "to", echoEvery: 50 },
        competitor: { begin: 3000 + seed * 300, end: 1e9 },
        to: { rate: mbit(20), delay, limit },
        from: { rate: mbit(20), delay },
      };
      const { to, competitor } = expect(
        scenario,
        (result) =>
          result.to > 0.25 * (result.to + result.competitor) &&
          result.p(0.5) < 120 + 5 * delay,
      );
      shares.push(to / (to + competitor));
    }
    const mean = shares.reduce((sum, share) => sum + share) / shares.length;
    assert.ok(mean > 0.4, `${delay}: ${shares}`);
    const scenario: Scenario = {
      ...{ seed: 9, ms: 26_000, bulk: "to", competitor: { begin: 3000, end: 14_000 } },
      to: { rate: mbit(20), delay, limit: mbit(20) * 40 },
      from: { rate: mbit(20), delay },
    };
    expect(
      scenario,
      (result) =>
        (result.left as SendWindow).status().mode !== "competing" &&
        roundTripIn(result, 22, 4) < 2 * delay * 1.4 + 15 &&
        shareIn(result, 22, mbit(20), 4) > 0.9,
    );
  }
});

Deno.test("nothing that happens to a path makes both ends wait for each other", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = chance(seed * 104_729);
    const rate = 4 * 500 ** random();
    const asymmetry = 1 + (random() < 0.3 ? random() * 20 : 0);
    let jump = 0;
    const scenario: Scenario = {
      seed,
      ms: 4500,
      warmup: 0,
      echoEvery: 40,
      bulk: (["to", "from", "both"] as const)[Math.floor(random() * 3)]!,
      capacity: 4096 * 1000 ** random(),
      to: { ...line(rate, 30 * random() ** 3), jitter: random() * 5 },
      from: { ...line(rate / asymmetry, 30 * random() ** 3), jitter: random() * 5 },
      ...(random() < 0.3 ? { pieces: { bytes: 1e5, ms: 50 } } : {}),
      ...(random() < 0.5 ? { stalls: { every: 50, most: 50 } } : {}),
      clock: (now) => now + jump,
      script({ loop, to, from, left, right }) {
        for (let i = 0; i < 6; i++) {
          loop.at(random() * 1800, () => {
            const what = Math.floor(random() * 5);
            if (what === 0) to.pause(loop.now + random() * 500);
            else if (what === 1) from.pause(loop.now + random() * 500);
            else if (what === 2) (random() < 0.5 ? left : right).stall(loop.now + 400);
            else if (what === 3) jump += (random() - 0.5) * 1e6;
            else {
              to.options.rate *= 0.5 + random();
              from.options.rate *= 0.5 + random();
            }
          });
        }
      },
    };
    expect(scenario, (result) => result.echoTimes.some((time) => time > 3500));
    const last = simulate({ ...scenario, warmup: 3500 });
    if (scenario.bulk !== "from") assert.ok(last.to > 0, show(scenario, last));
    if (scenario.bulk !== "to") assert.ok(last.from > 0, show(scenario, last));
  }
});
