// What strange peers, crowds and long silences must not do to the stack.
import assert from "node:assert/strict";
import { TcpFlag } from "../wire/ip/ipv4.ts";
import { Network, type Node, packetsOf, sendAll } from "./_network.ts";
import { Peer } from "./_peer.ts";
import type { SendBlock, TcpConnection } from "./tcp.ts";

const ONE = new Uint8Array([7]);
const WINDOW = 2 << 20;

async function scene(): Promise<{ net: Network; node: Node; peer: Peer }> {
  const net = new Network();
  const node = await net.add("127.0.42.101");
  return { net, node, peer: new Peer(net, node) };
}

function send(connection: TcpConnection, length: number): void {
  const block = connection.allocate(65_536)!;
  block.bytes.fill(9, 0, length);
  if (connection.send(block, length) === "copied") connection.free(block);
}

/** A window update counts only with news: the second byte closes what the first left open. */
function closeWindow(peer: Peer): void {
  for (const at of [0, 1]) peer.send({ at, acknowledge: 0, window: 0, data: ONE });
  peer.receive();
}

Deno.test("a probe that takes the last byte ends the persist timer", async () => {
  const { peer } = await scene();
  closeWindow(peer);
  send(peer.connection, 1);
  let probes = 0;
  peer.pass(5_000, () => {
    probes++;
    peer.send({ at: 2, acknowledge: 1, window: 0 });
  });
  assert.ok(probes > 0);
  assert.equal(peer.connection.failure, undefined);
});

Deno.test("a segment ahead of its turn that overhangs the window is not kept", async () => {
  const { peer } = await scene();
  const data = new Uint8Array(60_000);
  const ack = { acknowledge: 0, window: 65_535 };
  peer.send({ at: WINDOW - 1_000, ...ack, data });
  for (let at = 0; at < WINDOW - 1_000;) {
    const length = Math.min(data.length, WINDOW - 1_000 - at);
    peer.send({ at, ...ack, data: data.subarray(0, length) });
    peer.receive();
    at += length;
  }
  assert.equal(peer.connection.failure, undefined);
  assert.equal(await peer.connection.readable(), true);
});

Deno.test("an MSS outside of a SYN changes nothing", async () => {
  const { peer } = await scene();
  closeWindow(peer);
  send(peer.connection, 30_000);
  peer.send({ at: 2, acknowledge: 0, window: 0, options: [2, 4, 0, 100] });
  send(peer.connection, 30_000);
  assert.equal(peer.connection.failure, undefined);
});

Deno.test("a window smaller than the last segment loses none of its bytes", async () => {
  const { peer } = await scene();
  // Window scale 6: 100 is 6400 bytes, less than the segment that carries FIN.
  closeWindow(peer);
  send(peer.connection, 20_000);
  peer.connection.shutdown();
  let got = 0;
  let ended = -1;
  const answer = ({ data, flags, sequence }: {
    data: Uint8Array;
    flags: number;
    sequence: number;
  }) => {
    first ??= sequence;
    const at = sequence - first;
    if (at <= got && at + data.length > got) got = at + data.length;
    // A receiver believes the first FIN that is in sequence.
    if (flags & TcpFlag.FIN && ended < 0 && at + data.length <= got) ended = got;
    const isOver = ended >= 0 && got === ended;
    peer.send({ at: 2, acknowledge: got + (isOver ? 1 : 0), window: 100 });
  };
  let first: number | undefined;
  peer.send({ at: 2, acknowledge: 0, window: 100 });
  for (const segment of peer.receive()) answer(segment);
  peer.pass(60_000, answer);
  assert.equal(got, 20_000);
  assert.equal(ended, 20_000, "the stream ends behind its last byte");
});

Deno.test("a segment that was due again when the window closed is the first to go", async () => {
  const { peer } = await scene();
  for (let i = 0; i < 4; i++) send(peer.connection, 60_000);
  peer.send({ at: 0, acknowledge: 0, window: 8_000, data: ONE });
  const [first] = peer.receive();
  for (let i = 0; i < 3; i++) peer.send({ at: 1, acknowledge: 0, window: 8_000 });
  // The window closes before the last repetition asks for the first segment again.
  for (const at of [1, 2]) peer.send({ at, acknowledge: 0, window: 0, data: ONE });
  peer.send({ at: 3, acknowledge: 0, window: 0 });
  peer.pass(5_000, () => {});
  let got = 0;
  const answer = ({ data, sequence }: { data: Uint8Array; sequence: number }) => {
    const at = sequence - first!.sequence;
    if (at <= got && at + data.length > got) got = at + data.length;
    peer.send({ at: 3, acknowledge: got, window: 8_000 });
  };
  peer.send({ at: 3, acknowledge: 0, window: 8_000 });
  for (const segment of peer.receive()) answer(segment);
  peer.pass(20_000, answer);
  assert.equal(got, 240_000);
});

Deno.test("a window is filled from what is acknowledged, not from a segment's beginning", async () => {
  const { peer } = await scene();
  send(peer.connection, 20_000);
  const [first] = peer.receive();
  // Of the segment 6400 bytes are taken, then the window closes, and opens for 3200.
  peer.send({ at: 0, acknowledge: 6_400, window: 0, data: ONE });
  peer.pass(5_000, () => peer.send({ at: 1, acknowledge: 6_400, window: 0 }));
  let got = 6_400;
  const answer = ({ data, sequence }: { data: Uint8Array; sequence: number }) => {
    const at = sequence - first!.sequence;
    const taken = Math.min(at + data.length, 9_600);
    if (at <= got && taken > got) got = taken;
    peer.send({ at: 1, acknowledge: got, window: (9_600 - got) / 64 });
  };
  peer.send({ at: 1, acknowledge: got, window: 50 });
  peer.pass(10_000, answer);
  assert.equal(got, 9_600);
});

Deno.test("what came ahead of its turn is let go when memory closes the window", async () => {
  const net = new Network();
  const node = await net.add("127.0.42.101");
  const other = await net.add("127.0.42.102");
  const peer = new Peer(net, node);
  const { connection } = peer;
  await connections(net, other, node, 199);
  const blocks: SendBlock[] = [];
  for (;;) {
    const block = connection.allocate(60_000);
    if (!block) break;
    blocks.push(block);
  }
  const { usedPages, pages } = node.stack.statistics();
  assert.ok(usedPages > pages / 4 * 3, `${usedPages} of ${pages} pages`);
  const piece = new Uint8Array(64_000);
  const ack = { acknowledge: 0, window: 65_535 };
  /** Sends a piece from where the stack says it is; gives back how far it is then. */
  const push = (at: number) => {
    peer.send({ at, ...ack, data: piece });
    net.now += 50;
    node.stack.poll(net.now);
    const last = peer.receive().at(-1);
    if (last) window = last.window;
    return last ? last.acknowledged - start : at;
  };
  let window = 65_535;
  let start = 0;
  start = push(0) - piece.length;
  let at = piece.length;
  peer.send({ at: 5 * piece.length, ...ack, data: piece });
  while (window > 0 && at < 5 * piece.length) at = push(at);
  assert.ok(window === 0 && at < 5 * piece.length, `${at} bytes, then ${window}`);
  for (let turn = 0; turn < 20; turn++) {
    await connection.readable();
    connection.consume(connection.peek().length);
    at = push(at);
  }
  assert.ok(at > 6 * piece.length, `${at} bytes`);
  assert.equal(connection.failure, undefined);
  for (const block of blocks) connection.free(block);
});

Deno.test("after a long silence a connection is as young as any other", async () => {
  for (const idle of [1_000, 25_000, 3_600_000]) {
    const net = new Network();
    const a = await net.add("127.0.42.100");
    const b = await net.add("127.0.42.101");
    net.now += idle; // an idle stack is not polled
    const client = a.stack.connect(b.address, 80);
    net.carry();
    const server = b.arrived.shift()!;
    server.accept();
    b.stack.dispatch();
    const run = b.stack.takeOutput()!.slice();
    b.stack.outputDone();
    for (let i = 0; i < 3; i++) { // the SYN-ACK is on its way for 150 ms
      net.now += 50;
      for (const { stack } of [a, b]) {
        stack.poll(net.now);
        stack.dispatch();
      }
    }
    for (const packet of packetsOf(run)) net.inject(a, packet);
    await net.settle();
    assert.equal(client.failure, undefined, `after ${idle} ms`);
    assert.equal(server.failure, undefined, `after ${idle} ms`);
  }
});

async function connections(
  net: Network,
  a: Node,
  b: Node,
  count: number,
): Promise<[TcpConnection, TcpConnection][]> {
  const clients = Array.from({ length: count }, () => a.stack.connect(b.address, 80));
  while (net.carry() > 0);
  const servers = b.arrived.splice(0);
  for (const server of servers) server.accept();
  await net.settle();
  return clients.map((client, i) => [client, servers[i]!]);
}

Deno.test("senders that wait for the output buffer take turns", async () => {
  const net = new Network();
  const a = await net.add("127.0.42.100");
  const b = await net.add("127.0.42.101");
  const pairs = await connections(net, a, b, 6);
  const got = pairs.map(() => 0);
  for (const [i, [client, server]] of pairs.entries()) {
    const port = server.ends.remotePort;
    assert.equal(port, client.ends.localPort);
    sendAll(client, new Uint8Array(100 << 20)).catch(() => {});
    (async () => {
      while (await server.readable()) {
        const { length } = server.peek();
        got[i]! += length;
        server.consume(length);
      }
    })().catch(() => {});
  }
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve));
  for (let i = 0; i < 300; i++) { // a link that takes one buffer per turn
    a.stack.dispatch();
    const packets = packetsOf(a.stack.takeOutput() ?? new Uint8Array(0));
    await turn();
    for (const packet of packets) net.inject(b, packet);
    await turn();
    for (let run = b.stack.takeOutput(); run; run = b.stack.takeOutput()) {
      const answers = packetsOf(run);
      b.stack.outputDone();
      for (const packet of answers) net.inject(a, packet);
    }
    a.stack.outputDone();
    if (i % 25 === 0) await net.pass(50);
  }
  const [least, most] = [Math.min(...got), Math.max(...got)];
  assert.ok(least > most / 2, `bytes per sender: ${got}`);
  for (const [client, server] of pairs) {
    client.abort();
    server.abort();
  }
});

Deno.test("resets that find no room are sent when there is some", async () => {
  const net = new Network();
  const a = await net.add("127.0.42.100");
  const b = await net.add("127.0.42.101");
  const pairs = await connections(net, a, b, 4_000);
  const extra = await connections(net, a, b, 3_500);
  for (const [client] of [...pairs, ...extra]) client.abort(); // in one turn
  await net.pass(3_000);
  const { active } = b.stack.statistics();
  assert.equal(active, 0, "connections that never learnt of their end");
  assert.equal(a.stack.statistics().active, 0);
});

Deno.test("a crowd that stalls is still alive after ten minutes", async () => {
  const net = new Network();
  const a = await net.add("127.0.42.100");
  const b = await net.add("127.0.42.101");
  const pairs = await connections(net, a, b, 500);
  for (const [client] of pairs) sendAll(client, new Uint8Array(1 << 20)).catch(() => {});
  for (let minute = 0; minute < 10; minute++) await net.pass(60_000);
  const dead = pairs.filter(([client, server]) => client.failure ?? server.failure);
  assert.equal(dead.length, 0);
  const { usedPages, pages } = b.stack.statistics();
  assert.ok(usedPages < pages, `${usedPages} of ${pages} pages`);
  for (const [client, server] of pairs) {
    client.abort();
    server.abort();
  }
  await net.settle();
});

Deno.test("a small block holds all that was asked for, and sending nothing is nothing", async () => {
  const { peer: { connection }, node } = await scene();
  const free = node.stack.statistics().usedBlocks;
  for (const size of [1, 15, 16, 17, 48, 112, 113, 128, 370, 2_000, 2_048, 30_000]) {
    const block = connection.allocate(size)!;
    assert.ok(block.bytes.length >= size, `${block.bytes.length} bytes for ${size}`);
    assert.equal(connection.send(block, 0), "copied");
    connection.free(block);
  }
  assert.equal(node.stack.statistics().usedBlocks, free);
});
