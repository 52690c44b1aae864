// Streams between two stacks: whole, closed, reset, and over losses.
import assert from "node:assert/strict";
import { assertChecksums } from "./_checksum.ts";
import { Network, receiveAll, sendAll } from "./_network.ts";
import { bytes, close, connected, during, pair } from "./_pair.ts";

Deno.test("a stream of several windows arrives whole, in both directions at once", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const [up, down] = [bytes(9_000_001, 1), bytes(7_654_321, 2)];
  const work = Promise.all([
    sendAll(client, up).then(() => client.shutdown()),
    sendAll(server, down).then(() => server.shutdown()),
    receiveAll(client),
    receiveAll(server),
  ]);
  const [, , gotDown, gotUp] = await during(net, work);
  assert.deepEqual(gotUp, up);
  assert.deepEqual(gotDown, down);
  await close(net, client, server);
  assert.equal(a.stack.statistics().usedBlocks, b.stack.statistics().usedBlocks);
});

Deno.test("every packet has valid checksums and fits a frame of 64 KiB", async () => {
  const { net, a, b } = await pair();
  let largest = 0;
  net.tap = (packet) => {
    assertChecksums(packet);
    largest = Math.max(largest, packet.length);
  };
  const [client, server] = await connected(net, a, b);
  const data = bytes(600_001);
  const work = Promise.all([
    sendAll(client, data).then(() => client.shutdown()),
    receiveAll(server),
  ]);
  const [, got] = await during(net, work);
  assert.deepEqual(got, data);
  assert.equal(largest, 65528);
  await close(net, client, server);
});

Deno.test("a half-closed connection still carries the other direction", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  client.shutdown();
  await net.settle();
  assert.equal(await server.readable(), false);
  const data = bytes(300_000);
  const work = Promise.all([
    sendAll(server, data).then(() => server.shutdown()),
    receiveAll(client),
  ]);
  const [, got] = await during(net, work);
  assert.deepEqual(got, data);
  await close(net, client, server);
  for (const { stack } of [a, b]) {
    const { connections, active, timeWait } = stack.statistics();
    assert.deepEqual({ connections, active, timeWait }, {
      connections: 0,
      active: 0,
      timeWait: 0,
    });
  }
});

Deno.test("an abort is seen as a reset by whoever waits on the other side", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  let told: string | undefined;
  server.onFailure = (error) => told = error.reason;
  const reading = assert.rejects(server.readable(), { reason: "reset" });
  client.abort();
  await net.settle();
  await reading;
  assert.equal(told, "reset");
  await assert.rejects(client.readable(), { reason: "reset" });
  await close(net, client, server);
});

Deno.test("releasing a connection whose streams have not ended resets it", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  client.release();
  await net.settle();
  await assert.rejects(server.readable(), { reason: "reset" });
  await close(net, server);
});

Deno.test("connections to a host that is down end at once, others stay", async () => {
  const net = new Network();
  const a = await net.add("127.0.42.100");
  const b = await net.add("127.0.42.101");
  const c = await net.add("127.0.42.102");
  const [toB, fromA] = await connected(net, a, b);
  const [toC, other] = await connected(net, a, c);
  const opening = a.stack.connect(b.address, 9);
  const failed = assert.rejects(opening.opened(), { reason: "host-down" });
  assert.equal(a.stack.abortRange(b.address, 32), 2);
  a.stack.dispatch();
  await failed;
  await assert.rejects(toB.readable(), { reason: "host-down" });
  const work = Promise.all([
    sendAll(toC, bytes(10)).then(() => toC.shutdown()),
    receiveAll(other),
  ]);
  assert.equal((await during(net, work))[1].length, 10);
  await close(net, toB, toC, opening, fromA, other);
});

Deno.test("lost packets are sent again and the stream stays right", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  let state = 1;
  let lost = 0;
  net.lose = () => {
    state = (state * 1103515245 + 12345) >>> 0;
    const lose = state / 2 ** 32 < 0.05;
    if (lose) lost++;
    return lose;
  };
  const data = bytes(3_000_000);
  const work = Promise.all([
    sendAll(client, data).then(() => client.shutdown()),
    receiveAll(server),
  ]);
  const [, got] = await during(net, work, true);
  assert.deepEqual(got, data);
  assert.ok(lost > 0);
  net.lose = () => false;
  await close(net, client, server);
});

Deno.test("malformed packets are dropped and counted", async () => {
  const { net, a } = await pair();
  let state = 99;
  const random = () => (state = (state * 1103515245 + 12345) >>> 0) / 2 ** 32;
  for (let i = 0; i < 20_000; i++) {
    const packet = bytes(Math.floor(random() * 80), i);
    if (random() < 0.8 && packet.length >= 20) {
      packet[0] = 0x45;
      packet[9] = random() < 0.5 ? 6 : 1;
      packet[2] = 0;
      packet[3] = random() < 0.9 ? packet.length : 255;
      packet.set([127, 0, 42, 100], 16);
    }
    net.inject(a, packet);
  }
  const { packetsIn, packetsDropped, connections } = a.stack.statistics();
  assert.equal(packetsIn, 20_000);
  assert.ok(packetsDropped > 5_000);
  assert.equal(connections, 0, "no SYN with a wrong checksum is held");
});

Deno.test("an idle stack wants no timer, also with connections open", async () => {
  const { net, a, b } = await pair();
  assert.equal(a.stack.poll(net.now), Infinity);
  const [client, server] = await connected(net, a, b);
  await net.pass(300);
  assert.equal(a.stack.poll(net.now), Infinity);
  assert.equal(b.stack.poll(net.now), Infinity);
  await sendAll(client, bytes(5));
  assert.ok(a.stack.poll(net.now) <= 50, "bytes not yet acknowledged want one");
  net.now += 3_600_000; // the machine slept
  await net.settle();
  await net.pass(500);
  assert.equal(a.stack.poll(net.now), Infinity);
  client.shutdown();
  server.shutdown();
  await net.settle();
  await close(net, client, server);
});
