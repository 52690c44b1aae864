// What leaves a stack first, how much waits in it, and how large its segments are.
import assert from "node:assert/strict";
import { encodeFrame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import { sourcePortOf, TcpFlag, tcpFlagsOf } from "../wire/ip/ipv4.ts";
import { cut } from "../link/queue/cut.ts";
import { assertChecksums } from "./_checksum.ts";
import { type Node, packetsOf, receiveAll, sendAll } from "./_network.ts";
import { bytes, close, connected, during, pair } from "./_pair.ts";
import { parseSegment } from "./_segment.ts";
import type { TcpConnection } from "./tcp.ts";

/** Sends what is given, at once. */
function send(connection: TcpConnection, data: Uint8Array): void {
  const block = connection.allocate(65_536)!;
  block.bytes.set(data);
  if (connection.send(block, data.length) === "copied") connection.free(block);
}

/** Fills the output of `node` with as much as it takes. */
function flood(connection: TcpConnection): void {
  for (let i = 0; i < 6; i++) send(connection, new Uint8Array(65_000));
}

/** What leaves `node` when all, or what is first, is taken once; nothing is carried. */
function taken(node: Node, onlyFirst = false): Uint8Array[] {
  const run = node.stack.takeOutput(onlyFirst)?.slice();
  node.stack.outputDone();
  return run ? packetsOf(run) : [];
}

const portsOf = (packets: Uint8Array[]) => packets.map((packet) => sourcePortOf(packet));
const dataOf = (packet: Uint8Array) => parseSegment(packet).data.length;

Deno.test("segments are no larger than the limit, and the stream arrives with its end", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const data = bytes(600_001);
  const sizes: number[] = [];
  let fins = 0;
  net.tap = (packet) => {
    assertChecksums(packet);
    if (sourcePortOf(packet) !== client.ends.localPort) return;
    sizes.push(dataOf(packet));
    if (tcpFlagsOf(packet) & TcpFlag.FIN) fins++;
  };
  a.stack.limitOutput(4000, 1352);
  const sent = sendAll(client, data).then(() => client.shutdown());
  const [, got] = await during(net, Promise.all([sent, receiveAll(server)]));
  assert.deepEqual(got, data);
  assert.equal(Math.max(...sizes), 1352);
  const least = Math.ceil(data.length / 1352);
  const count = sizes.filter((size) => size > 0).length;
  assert.ok(count < 1.05 * least, `${count} segments for ${least}`);
  assert.equal(fins, 1);
  await close(net, client, server);
});

Deno.test("FIN that waits with data is in the last piece of its segment alone", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const [other, otherServer] = await connected(net, a, b);
  a.stack.limitOutput(3000, 1000);
  flood(other); // so that the segment waits, and FIN joins it
  send(client, bytes(10_000));
  client.shutdown();
  const ends: number[] = [];
  net.tap = (packet) => {
    if (sourcePortOf(packet) !== client.ends.localPort) return;
    if (tcpFlagsOf(packet) & TcpFlag.FIN) ends.push(dataOf(packet));
  };
  const got = await during(net, receiveAll(server));
  assert.deepEqual(got, bytes(10_000));
  assert.deepEqual(ends, [1000]);
  other.abort();
  await close(net, client, server, other, otherServer);
});

Deno.test("cutting takes little memory, and leaves none behind", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const before = a.stack.statistics();
  a.stack.limitOutput(3000, 1000);
  for (let i = 0; i < 8; i++) send(client, bytes(60_000));
  const { usedPages } = a.stack.statistics();
  assert.ok(usedPages <= before.usedPages + 10, `${usedPages} pages`);
  for (let got = 0; got < 480_000;) {
    while (net.carry() > 0);
    const { length } = server.peek();
    assert.ok(length > 0, `${got} bytes came`);
    server.consume(length);
    got += length;
  }
  while (net.carry() > 0);
  assert.equal(a.stack.statistics().usedBlocks, before.usedBlocks);
  await close(net, client, server);
});

Deno.test("no more bulk waits than the limit, be it changed while some waits", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  a.stack.limitOutput(20_000, 5000);
  flood(client);
  const within = (most: number) => {
    const { bytes } = a.stack.waiting();
    assert.ok(bytes <= most && bytes > most - 5100, `${bytes} of ${most} bytes wait`);
  };
  within(20_000);
  a.stack.limitOutput(50_000, 5000);
  within(50_000);
  a.stack.limitOutput(10_000, 5000);
  assert.equal(taken(a).length, 9);
  within(10_000);
  a.stack.limitOutput(0, 0);
  taken(a);
  assert.deepEqual(taken(a).map(dataOf), [512], "a segment always fits");
  a.stack.limitOutput(Infinity, Infinity);
  assert.ok(a.stack.waiting().bytes > 4000, "the rest of the peer's window");
  for (const each of [client, server]) each.abort();
});

for (const [limit, segment] of [[Infinity, Infinity], [3000, 1352]]) {
  Deno.test(`a keystroke leaves before bulk in segments of ${segment}`, async () => {
    const { net, a, b } = await pair();
    const [bulk, bulkServer] = await connected(net, a, b);
    const [shell, shellServer] = await connected(net, a, b);
    a.stack.limitOutput(limit!, segment!);
    flood(bulk);
    send(shell, bytes(1));
    send(shell, bytes(2));
    send(shell, bytes(1458)); // too much in all
    const { first, credit, bytes: all } = a.stack.waiting();
    assert.deepEqual([first, credit], [2 * 48 + 3, 0]);
    assert.ok(all > first);
    const [one, two, ...rest] = portsOf(taken(a));
    assert.deepEqual([one, two], [shell.ends.localPort, shell.ends.localPort]);
    assert.equal(rest[0], bulk.ends.localPort);
    for (const each of [bulk, bulkServer, shell, shellServer]) each.abort();
  });
}

Deno.test("a keystroke leaves alone if nothing else may leave", async () => {
  const { net, a, b } = await pair();
  const [bulk, bulkServer] = await connected(net, a, b);
  const [shell, shellServer] = await connected(net, a, b);
  flood(bulk);
  for (const length of [1, 2]) {
    send(shell, bytes(length));
    assert.deepEqual(taken(a, true).map(dataOf), [length]);
    assert.equal(taken(a, true).length, 0);
  }
  assert.deepEqual(new Set(portsOf(taken(a))), new Set([bulk.ends.localPort]));
  for (const each of [bulk, bulkServer, shell, shellServer]) each.abort();
});

Deno.test("what a connection sends stays in order, its reset included", async () => {
  const { net, a, b } = await pair();
  const [client] = await connected(net, a, b);
  const [other] = await connected(net, a, b);
  flood(other);
  taken(a); // of `other` segments wait now
  send(client, bytes(100));
  send(client, bytes(1400)); // too much to go first
  send(client, bytes(10));
  a.stack.limitOutput(Infinity, Infinity);
  let ours: Uint8Array[] = [];
  for (let run = taken(a); run.length > 0; run = taken(a)) {
    ours = ours.concat(
      run.filter((packet) => sourcePortOf(packet) === client.ends.localPort),
    );
  }
  const sequences = ours.map((packet) => parseSegment(packet).sequence);
  assert.deepEqual(sequences, sequences.toSorted((x, y) => x - y));
  assert.equal(ours.reduce((sum, packet) => sum + dataOf(packet), 0), 1510);
  other.abort();
  taken(a);
  const [third] = await connected(net, a, b);
  send(third, bytes(20_000));
  third.abort();
  const last = taken(a).at(-1)!;
  assert.ok(tcpFlagsOf(last) & TcpFlag.RST);
  const [fourth] = await connected(net, a, b);
  const [fifth] = await connected(net, a, b);
  flood(fourth);
  fifth.abort();
  assert.ok(tcpFlagsOf(taken(a, true)[0]!) & TcpFlag.RST, "with no data, it goes first");
});

Deno.test("a CREDIT frame is ahead of all, is the newest, and is told of", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  flood(client);
  a.stack.putCredit(5, 6);
  a.stack.putCredit(3 * 2 ** 32 + 7, 4096);
  const { credit, first } = a.stack.waiting();
  assert.deepEqual([credit, first], [20, 20]);
  const alone = a.stack.takeOutput(true)!.slice();
  assert.equal(a.stack.creditTaken, 20);
  const view = new DataView(alone.buffer);
  assert.deepEqual([alone.length, view.getUint16(4)], [20, FrameType.CREDIT]);
  assert.equal(view.getBigUint64(HEADER_BYTES), 3n * 2n ** 32n + 7n);
  assert.equal(view.getUint32(HEADER_BYTES + 8), 4096);
  a.stack.putCredit(9, 1); // for the next
  a.stack.outputDone();
  const run = a.stack.takeOutput()!.slice();
  assert.equal(a.stack.creditTaken, 20);
  assert.equal(run[HEADER_BYTES + 7], 9);
  assert.ok(packetsOf(run).length > 0);
  a.stack.outputDone();
  a.stack.takeOutput();
  assert.equal(a.stack.creditTaken, 0);
  a.stack.outputDone();
  assert.equal(a.stack.waiting().credit, 0);
  for (const each of [client, server]) each.abort();
});

Deno.test("connections that wait take turns by bytes", async () => {
  const { net, a, b } = await pair();
  const pairs = await Promise.all(Array.from({ length: 12 }, () => connected(net, a, b)));
  a.stack.limitOutput(12_000, 3000);
  const got = pairs.map(() => 0);
  for (const [i, [client, server]] of pairs.entries()) {
    sendAll(client, new Uint8Array(16 << 20)).catch(() => {});
    (async () => {
      while (await server.readable()) {
        const { length } = server.peek();
        got[i]! += length;
        server.consume(length);
      }
    })().catch(() => {});
  }
  let buffers = 0;
  let mixed = 0;
  for (let turn = 0; turn < 40; turn++) {
    for (let i = 0; i < 10; i++) {
      const packets = taken(a);
      for (const packet of packets) net.inject(b, packet);
      if (packets.length > 1) buffers++;
      if (new Set(portsOf(packets)).size > 1) mixed++;
      for (const packet of taken(b)) net.inject(a, packet);
    }
    await new Promise<void>((resolve) => setTimeout(resolve));
  }
  const [least, most] = [Math.min(...got), Math.max(...got)];
  assert.ok(most > 200_000 && least > 0.8 * most, `bytes per connection: ${got}`);
  assert.ok(mixed > 0.9 * buffers, `${mixed} of ${buffers} buffers are of several`);
  for (const each of pairs.flat()) each.abort();
});

Deno.test("an acknowledgement does not wait for the turn of its connection", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  a.stack.limitOutput(2000, 1352);
  flood(client); // waits for room
  for (let i = 0; i < 4; i++) {
    send(server, bytes(20_000));
    for (const packet of taken(b)) net.inject(a, packet);
    await client.readable();
    client.consume(client.peek().length);
  }
  const first = taken(a, true);
  assert.ok(first.length > 0, "acknowledgements go first");
  assert.ok(first.every((packet) => dataOf(packet) === 0));
  for (const each of [client, server]) each.abort();
});

Deno.test("a stream cut on its way arrives whole, and what is damaged does not", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  let pieces = 0;
  let count = 0;
  net.relay = (packet) => {
    if (++count % 50 === 0) packet[packet.length - 1]! ^= 4;
    const frames = cut(encodeFrame(FrameType.L3, packet), 3000 + count);
    pieces += frames?.length ?? 0;
    return frames?.map(({ payload }) => payload) ?? [packet];
  };
  const data = bytes(5_000_003);
  const sent = sendAll(client, data).then(() => client.shutdown());
  const got = await during(net, Promise.all([sent, receiveAll(server)]), true);
  assert.deepEqual(got[1], data);
  assert.ok(pieces > 1000, `${pieces} pieces`);
  net.relay = (packet) => [packet];
  await close(net, client, server);
});
