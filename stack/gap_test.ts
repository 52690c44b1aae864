// Gaps of a link of seconds and minutes, on a virtual clock: nobody dies, and all go on at once.
import assert from "node:assert/strict";
import { Flow, gap, holdAll, Link, type LinkSizes, resumeAll } from "./_away.ts";
import type { Network, Node } from "./_network.ts";
import { connected, pair } from "./_pair.ts";
import type { TcpConnection } from "./tcp.ts";

/** A kind of link, and how it is measured. */
interface Kind extends LinkSizes {
  readonly name: string;
  /** Milliseconds before the gap, and those of a measurement. */
  readonly warm: number;
  readonly span: number;
}

const LAN: Kind = {
  name: "4 Gbit/s, 0.5 ms",
  rate: 500_000,
  delay: 0.5,
  step: 0.25,
  warm: 80,
  span: 20,
};
const WAN: Kind = {
  name: "100 Mbit/s, 20 ms",
  rate: 12_500,
  delay: 20,
  step: 1,
  warm: 1_500,
  span: 200,
};

interface Scene {
  readonly net: Network;
  readonly nodes: readonly [Node, Node];
  readonly link: Link;
  readonly ends: TcpConnection[];
  readonly up: Flow;
  readonly down: Flow;
  /** The reader stalls until told. */
  readonly stalled: Flow;
  /** Sends nothing until told. */
  readonly idle: Flow;
}

async function scene(kind: Kind): Promise<Scene> {
  const { net, a, b } = await pair();
  const pairs: [TcpConnection, TcpConnection][] = [];
  for (let i = 0; i < 4; i++) pairs.push(await connected(net, a, b));
  const [one, two, three, four] = pairs as [
    [TcpConnection, TcpConnection],
    [TcpConnection, TcpConnection],
    [TcpConnection, TcpConnection],
    [TcpConnection, TcpConnection],
  ];
  const up = new Flow(one[0], one[1], 1);
  const down = new Flow(two[1], two[0], 2);
  const stalled = new Flow(three[0], three[1], 3);
  const idle = new Flow(four[0], four[1], 4);
  stalled.stalled = idle.silent = true;
  const nodes = [a, b] as const;
  const link = new Link(net, nodes, kind);
  return { net, nodes, link, ends: pairs.flat(), up, down, stalled, idle };
}

const flowsOf = ({ up, down, stalled, idle }: Scene) => [up, down, stalled, idle];

/** Lets `milliseconds` pass on the link. */
function run(at: Scene, milliseconds: number): void {
  const until = at.net.now + milliseconds;
  while (at.net.now < until) {
    at.link.step(() => {
      for (const flow of flowsOf(at)) flow.move();
    });
  }
}

/** Bytes in a millisecond, up and down. */
function rates(at: Scene, { span }: Kind): [number, number] {
  const up = () => at.up.got + at.stalled.got;
  const before = [up(), at.down.got] as const;
  run(at, span);
  return [(up() - before[0]) / span, (at.down.got - before[1]) / span];
}

/** Milliseconds until each way has a byte more. */
function firstBytes(at: Scene): [number, number] {
  const { up, down, net } = at;
  const start = { now: net.now, up: up.got, down: down.got };
  let [first, second] = [Infinity, Infinity];
  while (first === Infinity || second === Infinity) {
    run(at, 0.001); // a step
    const passed = net.now - start.now;
    assert.ok(passed < 5_000, "bytes never come again");
    if (up.got > start.up) first = Math.min(first, passed);
    if (down.got > start.down) second = Math.min(second, passed);
  }
  return [first, second];
}

function assertAlive({ ends }: Scene): void {
  assert.deepEqual(ends.map(({ failure }) => failure?.reason), ends.map(() => undefined));
}

/** After a gap: the first bytes come within a round trip, the rate within a second. */
function assertGoesOn(at: Scene, kind: Kind, before: [number, number]): void {
  const start = at.net.now;
  // A segment that is sent again is of 64 KiB, and one may be before it on the line.
  const round = 2 * (kind.delay + 65_536 / kind.rate + kind.step);
  const first = Math.max(...firstBytes(at));
  assert.ok(first <= round, `the first bytes come after ${first} ms`);
  at.idle.silent = false;
  at.idle.move(100);
  at.idle.silent = true;
  at.stalled.stalled = false;
  for (let now: number[] = [0, 0]; now.some((rate, i) => rate < 0.9 * before[i]!);) {
    assert.ok(
      at.net.now < start + 1_000,
      `rates of ${now} after a second, ${before} before`,
    );
    now = rates(at, kind);
  }
  assert.equal(at.idle.got, 100);
  assert.ok(at.stalled.got > 2 << 20, `${at.stalled.got} bytes of the stalled reader`);
  assertAlive(at);
}

function measured(at: Scene, kind: Kind): [number, number] {
  run(at, kind.warm);
  return rates(at, kind);
}

for (const kind of [LAN, WAN]) {
  for (const seconds of [5, 60, 250, 300]) {
    const title =
      `a link (${kind.name}) that is away for ${seconds} s costs no connection, ` +
      "and no second";
    Deno.test(title, async () => {
      const at = await scene(kind);
      const before = measured(at, kind);
      at.link.cut();
      holdAll(...at.nodes);
      gap(
        at.net,
        at.nodes,
        seconds * 1_000,
        () => flowsOf(at).forEach((each) => each.move()),
      );
      assertAlive(at);
      assert.ok(resumeAll(...at.nodes) === 8);
      assertGoesOn(at, kind, before);
    });
  }

  Deno.test(`a gap that is noticed after 12 s is no worse (${kind.name})`, async () => {
    const at = await scene(kind);
    const before = measured(at, kind);
    at.link.cut();
    gap(at.net, at.nodes, 12_000);
    holdAll(...at.nodes);
    gap(at.net, at.nodes, 280_000);
    resumeAll(...at.nodes);
    assertGoesOn(at, kind, before);
  });
}

Deno.test("after a gap a window grows as fast as that of a new connection", async () => {
  const at = await scene(LAN);
  run(at, LAN.warm);
  at.link.cut();
  holdAll(...at.nodes);
  gap(at.net, at.nodes, 60_000);
  resumeAll(...at.nodes);
  const before = [at.up.got, at.down.got];
  run(at, 8); // six round trips; with late acknowledgements half of this comes
  const got = [at.up.got - before[0]!, at.down.got - before[1]!];
  assert.ok(got.every((bytes) => bytes > 1_400_000), `${got} bytes`);
});

Deno.test("the same gap without hold ends connections", async () => {
  const at = await scene(LAN);
  run(at, LAN.warm);
  at.link.cut();
  const dead: [number, string][] = [];
  for (let second = 0; second < 300; second++) {
    gap(at.net, at.nodes, 1_000);
    for (const [i, { failure }] of at.ends.entries()) {
      if (failure && !dead.some(([each]) => each === i)) {
        dead.push([i, `${second} ${failure.reason}`]);
      }
    }
  }
  // The senders of the bulk, and that of the stalled reader; who only reads lives.
  assert.deepEqual(dead.map(([i]) => i).toSorted(), [0, 3, 4]);
  for (const [, text] of dead) assert.match(text, /^(1[1-3]|2[2-4])\d timed-out$/);
});

Deno.test("a process that slept for five minutes while its peer held goes on", async () => {
  const at = await scene(WAN);
  const before = measured(at, WAN);
  const [a, b] = at.nodes;
  at.link.cut();
  gap(at.net, [b], 12_000);
  b.stack.hold(a.address, 32);
  gap(at.net, [b], 288_000);
  assert.equal(b.stack.resume(a.address, 32), 4);
  a.stack.poll(at.net.now); // it wakes
  a.stack.hold(b.address, 32);
  a.stack.resume(b.address, 32);
  assertGoesOn(at, WAN, before);
});

Deno.test("clocks that jump by hours, again and again, end no connection", async () => {
  const at = await scene(WAN);
  const before = measured(at, WAN);
  for (let i = 0; i < 100; i++) {
    for (const { stack } of at.nodes) {
      assert.ok(stack.poll(at.net.now - 3_600_000) <= 50, "back is a jump too");
    }
    at.net.now += 3_600_000;
    run(at, 20);
  }
  assertAlive(at);
  const after = rates(at, WAN);
  assert.ok(after.every((rate, i) => rate > 0.9 * before[i]!), `${after} of ${before}`);
});
