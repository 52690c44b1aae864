// Crowds over gaps: thousands that learn at once, and streams that are cut again and again, by seed.
import assert from "node:assert/strict";
import { Flow, gap, holdAll, Link, resumeAll } from "./_away.ts";
import { type Network, type Node, packetsOf } from "./_network.ts";
import { connected, pair } from "./_pair.ts";
import type { TcpConnection } from "./tcp.ts";

/** Connections as a table and a share of a host allow, in parts, as handshakes have a share. */
function crowd(net: Network, a: Node, b: Node, count: number) {
  const clients: TcpConnection[] = [];
  const servers: TcpConnection[] = [];
  while (clients.length < count) {
    const some = Math.min(1_000, count - clients.length);
    for (let i = 0; i < some; i++) clients.push(a.stack.connect(b.address, 80));
    while (net.carry() > 0);
    for (const server of b.arrived.splice(0)) {
      server.accept();
      servers.push(server);
    }
    while (net.carry() > 0);
  }
  assert.equal(servers.length, count);
  return { clients, servers };
}

function say(connection: TcpConnection, length: number): void {
  const block = connection.allocate(length)!;
  if (connection.send(block, length) === "copied") connection.free(block);
}

for (
  const [limit, segment, count] of [[Infinity, Infinity, 12_000], [3000, 1352, 3_000]]
) {
  const title = `${count} connections learn of a gap's losses at once ` +
    `(${limit} bytes of output)`;
  Deno.test(title, async () => {
    const { net, a, b } = await pair();
    const { clients, servers } = crowd(net, a, b, count!);
    for (const { stack } of [a, b]) stack.limitOutput(limit!, segment!);
    holdAll(a, b);
    for (let i = 0; i < count!; i++) {
      if (i % 3 === 0) servers[i]!.abort();
      if (i % 3 === 1) say(i % 2 ? servers[i]! : clients[i]!, 100);
    }
    gap(net, [a, b], 300_000);
    const third = count! / 3;
    assert.equal(a.stack.statistics().active, count);
    assert.equal(a.stack.resume(0, 0), count);
    assert.equal(b.stack.resume(0, 0), 2 * third);
    const most = a.stack.waiting().bytes;
    assert.ok(most <= 336 * 1024 && most > 0, `${most} bytes wait at once`);
    let runs = 0;
    let taken: unknown;
    net.take = (stack) => { // by turns, as a pump does
      if (taken === stack) return taken = undefined;
      taken = stack;
      const run = stack.takeOutput();
      if (run) runs++;
      else taken = undefined;
      return run;
    };
    let packets = 0;
    net.tap = () => packets++;
    while (net.carry() > 0); // no time passes
    const isReset = clients.map(({ failure }) => failure?.reason === "reset");
    assert.equal(isReset.filter((each) => each).length, third);
    assert.ok(isReset.every((each, i) => each === (i % 3 === 0)));
    let came = 0;
    for (let i = 1; i < count!; i += 3) {
      came += (i % 2 ? clients[i]! : servers[i]!).peek().length;
    }
    assert.equal(came, 100 * third);
    // A question and an answer of each end, or bytes and their acknowledgement.
    assert.ok(packets <= 5 * count!, `${packets} packets`);
    assert.ok(runs < count! / 20, `${runs} writes`);
    await net.pass(2_000); // nothing is left to be asked
    packets = 0;
    await net.pass(20_000);
    assert.equal(packets, 0);
    for (const each of [...clients, ...servers]) each.abort();
  });
}

Deno.test("questions whose answers are lost are asked again, but not for ever", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const [other, otherServer] = await connected(net, a, b);
  holdAll(a, b);
  server.abort();
  gap(net, [a, b], 60_000);
  resumeAll(a);
  net.lose = () => true;
  let asked = 0;
  net.tap = () => asked++;
  await net.pass(2_000);
  assert.equal(asked, 4, "questions, of two connections");
  net.lose = () => false;
  await net.pass(1_500);
  assert.equal(client.failure?.reason, "reset");
  asked = 0;
  await net.pass(60_000);
  assert.equal(asked, 0, "who has answered is not asked again");
  a.stack.hold(0, 0);
  a.stack.resume(0, 0);
  net.lose = () => true;
  await net.pass(90_000);
  assert.equal(asked, 7);
  assert.equal(other.failure, undefined);
  assert.equal(a.stack.poll(net.now), Infinity);
  for (const each of [client, server, other, otherServer]) each.abort();
});

Deno.test("questions go before bulk, which goes on", async () => {
  const { net, a, b } = await pair();
  const [bulk, bulkServer] = await connected(net, a, b);
  const { clients, servers } = crowd(net, a, b, 2_000);
  const flow = new Flow(bulk, bulkServer, 1, 20 << 20);
  flow.move();
  holdAll(a, b);
  gap(net, [a, b], 10_000, () => flow.move());
  resumeAll(a, b);
  const sizes = packetsOf(a.stack.takeOutput()!).map(({ length }) => length);
  a.stack.outputDone();
  assert.ok(sizes.findIndex((size) => size > 1_000) >= 300, "the small buffer is first");
  for (let turn = 0; !flow.isDone; turn++) {
    assert.ok(turn < 2_000, `${flow.got} bytes came`);
    net.carry();
    flow.move();
    net.now += 10;
    for (const { stack } of [a, b]) stack.poll(net.now);
  }
  for (const each of [...clients, ...servers, bulk, bulkServer]) each.abort();
});

/** Numbers in [0, 1), the same for the same seed (Marsaglia's xorshift32). */
function numbers(seed: number): () => number {
  let state = seed * 0x9e3779b1 | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const STREAMS = 24;

/** Streams both ways with pauses, slow readers and ends, over a link that is cut. */
async function cuts(seed: number): Promise<void> {
  const random = numbers(seed);
  const { net, a, b } = await pair();
  const nodes = [a, b] as const;
  const link = new Link(net, nodes, { rate: 5_000, delay: 5 * random(), step: 2 });
  const ends: TcpConnection[] = [];
  const flows: Flow[] = [];
  for (let i = 0; i < STREAMS / 2; i++) {
    const [client, server] = await connected(net, a, b);
    ends.push(client, server);
    const length = () => Math.trunc(random() ** 3 * 3_000_000);
    flows.push(new Flow(client, server, 2 * i, length()));
    flows.push(new Flow(server, client, 2 * i + 1, length()));
  }
  const move = () => {
    for (const flow of flows) {
      if (random() < 0.02) flow.silent = random() < 0.5;
      if (random() < 0.02) flow.stalled = random() < 0.5;
      flow.move(random() < 0.5 ? 3_000 : Infinity);
    }
  };
  let gaps = 0;
  const isDone = () => flows.every((flow) => flow.isDone);
  for (const end = net.now + 4_000_000; !isDone();) {
    assert.ok(
      net.now < end,
      `after ${gaps} gaps ${flows.filter((each) => !each.isDone).length} ` +
        "streams have not ended",
    );
    for (let left = 1 + random() * 300; left > 0 && !isDone(); left--) link.step(move);
    if (gaps === 40) {
      for (const flow of flows) flow.silent = flow.stalled = false;
      continue;
    }
    gaps++;
    link.cut();
    // Each side learns of the end, and of the new link, in its own time.
    const [first, second] = random() < 0.5 ? [a, b] : [b, a];
    first.stack.hold(0, 0);
    gap(net, nodes, random() < 0.3 ? random() * 500 : 0, move);
    second.stack.hold(0, 0);
    gap(net, nodes, random() < 0.1 ? 250_000 : 3_000 * random(), move);
    first.stack.resume(0, 0);
    for (let left = random() < 0.3 ? random() * 50 : 0; left > 0; left--) link.step(move);
    second.stack.resume(0, 0);
  }
  assert.ok(gaps > 2, `${gaps} gaps`);
  assert.deepEqual(ends.filter(({ failure }) => failure), []);
  for (const each of ends) each.release();
  for (let i = 0; i < 4_000; i++) link.step();
  for (const { stack } of nodes) {
    const { connections, failures, usedBlocks } = stack.statistics();
    assert.deepEqual([connections, failures], [0, 0]);
    assert.ok(usedBlocks < 10, `${usedBlocks} blocks`);
  }
}

const seeds = (Deno.env.get("NOROUTER_AWAY_SEEDS") ?? "1 2 3 4 5 6").split(" ").map(
  Number,
);
for (const seed of seeds) {
  Deno.test(`${STREAMS} streams arrive over a link that is cut all the time (seed ${seed})`, () =>
    cuts(seed));
}
