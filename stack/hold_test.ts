// What is made good when a host is back, and what is not held while it is away.
import assert from "node:assert/strict";
import { cut } from "../link/queue/cut.ts";
import { encodeFrame, FrameType } from "../wire/frame.ts";
import {
  destinationOf,
  parseIpv4,
  sourceOf,
  TcpFlag,
  tcpFlagsOf,
} from "../wire/ip/ipv4.ts";
import { gap, holdAll, resumeAll } from "./_away.ts";
import { Network, type Node, receiveAll, sendAll } from "./_network.ts";
import { bytes, close, connected, during, pair } from "./_pair.ts";
import type { TcpConnection } from "./tcp.ts";

const GAP_MS = 300_000;

/** Sends what is given, at once. */
function send(connection: TcpConnection, data: Uint8Array): void {
  const block = connection.allocate(65_536)!;
  block.bytes.set(data);
  if (connection.send(block, data.length) === "copied") connection.free(block);
}

const reasonOf = ({ failure }: TcpConnection) => failure?.reason;

/** Carries all packets without any time. */
function carry(net: Network): void {
  while (net.carry() > 0);
}

Deno.test("a reset that was lost becomes known when the host is back", async () => {
  for (const inGap of [false, true]) {
    const { net, a, b } = await pair();
    const [client, server] = await connected(net, a, b);
    if (inGap) holdAll(a, b);
    server.abort(); // in the pipe at the cut, or during the gap
    holdAll(a, b);
    gap(net, [a, b], GAP_MS);
    assert.equal(reasonOf(client), undefined);
    assert.equal(resumeAll(a, b), 1);
    carry(net);
    assert.equal(reasonOf(client), "reset");
    for (const each of [client, server]) each.release();
    await net.settle();
    assert.equal(a.stack.statistics().connections, 0);
  }
});

Deno.test("a window update that was lost becomes known when the host is back", async () => {
  for (const probed of [false, true]) {
    const { net, a, b } = await pair();
    const [client, server] = await connected(net, a, b);
    const data = bytes(5 << 20);
    const sent = sendAll(client, data);
    await net.settle();
    // Where a probe was lost, a question of the sender is not answered: it takes a new probe.
    if (probed) {
      await net.pass(3_000); // the window is filled to its last byte
      gap(net, [a, b], 20_000);
    }
    const told = probed ? [a] : [a, b];
    holdAll(...told);
    let read = 0;
    gap(net, [a, b], GAP_MS, () => {
      const { length } = server.peek();
      server.consume(length);
      read += length;
    });
    assert.ok(read > 1 << 20 && read < data.length, `${read} bytes before the gap`);
    resumeAll(...told);
    carry(net);
    if (probed) await net.pass(100); // the next tick
    assert.ok(server.peek().length > 0, "the sender goes on");
    const rest = receiveAll(server);
    await during(net, sent, true);
    client.shutdown();
    assert.equal((await during(net, rest)).length, data.length - read);
    server.shutdown();
    await close(net, client, server);
  }
});

Deno.test("a segment, its acknowledgement and FIN that were lost are made good at once", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const got = receiveAll(server);
  const back = receiveAll(client);
  send(client, bytes(1000));
  net.lose = (packet) => sourceOf(packet) === b.address; // the acknowledgement
  carry(net);
  net.lose = () => false;
  holdAll(a, b);
  send(client, bytes(1000));
  client.shutdown();
  send(server, bytes(500));
  server.shutdown();
  gap(net, [a, b], GAP_MS);
  resumeAll(a, b);
  await net.settle();
  assert.deepEqual(await got, new Uint8Array([...bytes(1000), ...bytes(1000)]));
  assert.deepEqual(await back, bytes(500));
  await close(net, client, server);
  assert.equal(a.stack.statistics().connections, 0);
  assert.equal(b.stack.statistics().connections, 0);
});

Deno.test("a segment that had come in part is made good, by smaller segments too", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const data = bytes(200_000);
  const got = receiveAll(server);
  // A queue on the way has cut the segment, and its last pieces are lost with the link.
  net.relay = (packet) => {
    const pieces = cut(encodeFrame(FrameType.L3, packet), 8_192);
    return pieces ? pieces.slice(0, 3).map(({ payload }) => payload) : [packet];
  };
  const sent = sendAll(client, data);
  await net.settle();
  holdAll(a, b);
  gap(net, [a, b], GAP_MS);
  net.relay = (packet) => [packet];
  a.stack.limitOutput(65_536, 1_352); // the next link is slower
  resumeAll(a, b);
  await during(net, sent, true);
  client.shutdown();
  assert.deepEqual(await during(net, got), data);
  server.shutdown();
  await close(net, client, server);
});

/** Both ends close; the last acknowledgement is lost, so that `a` is in TIME_WAIT alone. */
async function lastAckLost() {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  client.shutdown();
  carry(net);
  net.lose = (packet) => sourceOf(packet) === a.address;
  server.shutdown();
  carry(net);
  net.lose = () => false;
  assert.equal(a.stack.statistics().timeWait, 1);
  assert.equal(b.stack.statistics().active, 1);
  return { net, a, b, client, server };
}

Deno.test("TIME_WAIT lasts as long as a host is away: a late FIN is not reset", async () => {
  const { net, a, b, client, server } = await lastAckLost();
  holdAll(a, b);
  gap(net, [a, b], GAP_MS);
  assert.equal(a.stack.statistics().timeWait, 1);
  const flags: number[] = [];
  net.tap = (packet) => flags.push(tcpFlagsOf(packet));
  assert.equal(resumeAll(a, b), 1);
  carry(net);
  assert.deepEqual(flags, [TcpFlag.FIN | TcpFlag.ACK, TcpFlag.ACK]);
  assert.equal(reasonOf(server), undefined);
  assert.equal(b.stack.statistics().active, 0);
  await net.pass(1_500);
  assert.equal(a.stack.statistics().timeWait, 1, "its time begins anew");
  await close(net, client, server);
  assert.equal(a.stack.statistics().timeWait, 0);
});

Deno.test("a stream that was whole did not fail, though TIME_WAIT is over", async () => {
  const { net, a, b, client, server } = await lastAckLost();
  gap(net, [a, b], 5_000); // nobody was told
  assert.equal(a.stack.statistics().timeWait, 0);
  await net.pass(10_000);
  assert.equal(b.stack.statistics().active, 0);
  assert.equal(reasonOf(server), undefined);
  assert.equal(b.stack.statistics().failures, 0);
  await close(net, client, server);
});

Deno.test("a stream that was not whole fails by the same reset", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  client.shutdown();
  carry(net);
  net.lose = () => true;
  send(server, bytes(100));
  server.shutdown();
  a.stack.abortRange(b.address, 32);
  carry(net);
  net.lose = () => false;
  await net.pass(5_000);
  assert.equal(reasonOf(server), "reset");
  await close(net, client, server);
});

Deno.test("a connection that begins in the gap fails by its own clock", async () => {
  const { net, a, b } = await pair();
  const early = a.stack.connect(b.address, 80);
  early.opened().catch(() => {});
  holdAll(a, b);
  const late = a.stack.connect(b.address, 80);
  late.opened().catch(() => {});
  gap(net, [a, b], 30_000);
  assert.deepEqual([early, late].map(reasonOf), [undefined, undefined]);
  gap(net, [a, b], 8_000);
  for (const each of [early, late]) assert.equal(reasonOf(each), "timed-out");
  await close(net, early, late);
});

Deno.test("a connection that begins just before the end of the gap opens at once", async () => {
  const { net, a, b } = await pair();
  holdAll(a, b);
  gap(net, [a, b], GAP_MS);
  const client = a.stack.connect(b.address, 80);
  gap(net, [a, b], 50);
  assert.equal(resumeAll(a, b), 1);
  carry(net);
  b.arrived[0]!.accept();
  carry(net);
  await client.opened();
  await close(net, client, b.arrived[0]!);
});

Deno.test("a handshake whose last segment was lost is held on both sides", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 80);
  carry(net);
  const server = b.arrived[0]!;
  let sent = 0;
  net.lose = (packet) => sourceOf(packet) === a.address && ++sent > 0;
  server.accept();
  carry(net);
  await client.opened();
  assert.equal(sent, 1);
  net.lose = () => false;
  holdAll(a, b);
  gap(net, [a, b], GAP_MS);
  resumeAll(a, b);
  carry(net);
  await server.opened();
  await close(net, client, server);
});

Deno.test("a target that is dialled while its peer is away is told of afterwards", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 80);
  carry(net);
  holdAll(b);
  const server = b.arrived[0]!;
  server.accept(); // into the gap
  gap(net, [b], 60_000);
  assert.equal(reasonOf(server), undefined);
  assert.equal(resumeAll(b), 1);
  carry(net);
  await client.opened();
  await server.opened();
  await close(net, client, server);
});

/** A host and `count` others, each with a connection from the first. */
async function star(count: number) {
  const net = new Network();
  const hub = await net.add("127.0.42.100");
  const others: Node[] = [];
  const clients: TcpConnection[] = [];
  const servers: TcpConnection[] = [];
  for (let i = 0; i < count; i++) {
    const other = await net.add(`127.0.43.${i + 1}`);
    const [client, server] = await connected(net, hub, other);
    others.push(other);
    clients.push(client);
    servers.push(server);
  }
  return { net, hub, others, clients, servers };
}

Deno.test("of several hosts that are away, one is back, and the others are held", async () => {
  const { net, hub, others, clients, servers } = await star(4);
  const [, second, , last] = others;
  const isAway = new Set(others.slice(0, 3).map(({ address }) => address));
  for (const address of isAway) {
    hub.stack.hold(address, 32);
    hub.stack.hold(address, 32); // twice is once
  }
  for (const { stack } of others.slice(0, 3)) stack.hold(0, 0);
  net.lose = (packet) => {
    return isAway.has(sourceOf(packet)) || isAway.has(destinationOf(packet));
  };
  for (const client of clients) send(client, bytes(100));
  await net.pass(30_000);
  assert.equal(servers[3]!.peek().length, 100, "the fourth goes on");
  send(clients[3]!, bytes(50));
  isAway.add(last!.address); // and is lost, unheld
  gap(net, [hub], GAP_MS);
  isAway.delete(second!.address);
  assert.equal(hub.stack.resume(second!.address, 32), 1);
  assert.equal(second!.stack.resume(0, 0), 1);
  carry(net);
  assert.equal(servers[1]!.peek().length, 100);
  gap(net, [hub], 2 * GAP_MS);
  const dead = clients.map(reasonOf);
  assert.deepEqual(dead, [undefined, undefined, undefined, "timed-out"]);
  isAway.clear();
  for (const i of [0, 2]) {
    assert.equal(hub.stack.resume(others[i]!.address, 32), 1);
    assert.equal(hub.stack.resume(others[i]!.address, 32), 0, "it is not held any more");
    carry(net);
    assert.equal(servers[i]!.peek().length, 100);
  }
  for (const each of [...clients, ...servers]) each.abort();
});

Deno.test("a connection in two held ranges goes on when both are back", async () => {
  const { net, hub, others: [other], clients: [client], servers: [server] } = await star(
    1,
  );
  other!.stack.hold(0, 0);
  hub.stack.hold(parseIpv4("127.0.43.0")!, 24);
  hub.stack.hold(0, 0);
  send(client!, bytes(100));
  gap(net, [hub, other!], GAP_MS / 2);
  assert.equal(hub.stack.resume(0, 0), 0);
  gap(net, [hub, other!], GAP_MS);
  assert.equal(hub.stack.resume(parseIpv4("127.0.43.0")!, 24), 1);
  carry(net);
  assert.equal(server!.peek().length, 100);
  for (const each of [client!, server!]) each.abort();
});

Deno.test("a range that went down is not held any more", async () => {
  const { net, hub, others: [other], clients: [client], servers: [server] } = await star(
    1,
  );
  hub.stack.hold(other!.address, 32);
  assert.equal(hub.stack.abortRange(parseIpv4("127.0.43.0")!, 24), 1);
  other!.stack.abortRange(0, 0);
  carry(net);
  assert.equal(reasonOf(client!), "host-down");
  const [again, served] = await connected(net, hub, other!);
  net.lose = (packet) => destinationOf(packet) === other!.address;
  send(again, bytes(100));
  carry(net);
  net.lose = () => false;
  await net.pass(2_000); // a timer that was held would not send this again
  assert.equal(served.peek().length, 100);
  await close(net, client!, server!, again, served);
});

Deno.test("held connections alone need no timer, and do not age", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  await net.pass(200); // delayed acknowledgements
  holdAll(a);
  send(client, bytes(100));
  assert.equal(a.stack.poll(net.now), Infinity);
  const begun = a.stack.connect(b.address, 81);
  begun.opened().catch(() => {});
  assert.ok(a.stack.poll(net.now) <= 50, "a SYN has a clock");
  gap(net, [a], 60_000);
  assert.equal(reasonOf(begun), "timed-out");
  assert.equal(a.stack.poll(net.now), Infinity);
  for (const each of [client, server, begun]) each.abort();
});

Deno.test("data ahead of their turn are kept for the time of a gap", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  let count = 0;
  net.lose = (packet) => packet.length > 1_000 && ++count === 1;
  send(client, bytes(40_000)); // together less than the window, and more than a segment
  send(client, bytes(25_500));
  carry(net);
  net.lose = () => false;
  holdAll(a, b);
  gap(net, [a, b], GAP_MS);
  let again = 0;
  net.tap = (packet) => again += packet.length > 1_000 ? 1 : 0;
  resumeAll(a, b);
  carry(net);
  assert.equal(again, 1, "the segment that was lost, alone");
  assert.equal(server.peek().length, 40_000);
  for (const each of [client, server]) each.abort();
});
