// What comes ahead of its turn: cut to the window in every state, bounded in bytes and in
// pieces, and kept well enough that one loss does not cost a window.
import assert from "node:assert/strict";
import { TcpFlag } from "../wire/ip/ipv4.ts";
import { Network, type Node } from "./_network.ts";
import { Peer, type PeerOptions } from "./_peer.ts";

/** MSS 65495, no window scale: the window is 65 535 bytes. */
const UNSCALED = [2, 4, 0xff, 0xd7];
const WINDOW = 65_535;
const SCALED_WINDOW = 2 << 20;
const ack = { acknowledge: 0, window: 65_535 };

function filled(letter: string, length: number): Uint8Array {
  return new Uint8Array(length).fill(letter.charCodeAt(0));
}

async function scene(
  options?: PeerOptions,
): Promise<{ net: Network; node: Node; peer: Peer }> {
  const net = new Network();
  const node = await net.add("127.0.42.101");
  return { net, node, peer: new Peer(net, node, options) };
}

/** All that is there to read, as `A×3 B×1`. */
async function runs({ connection }: Peer): Promise<string> {
  const text: string[] = [];
  let letter = "";
  let count = 0;
  while (await Promise.race([connection.readable(), Promise.resolve(false)])) {
    const bytes = connection.peek();
    for (const byte of bytes) {
      const next = String.fromCharCode(byte);
      if (next !== letter && count > 0) text.push(`${letter}×${count}`);
      count = next === letter ? count + 1 : 1;
      letter = next;
    }
    connection.consume(bytes.length);
  }
  return [...text, `${letter}×${count}`].join(" ");
}

Deno.test("data over a FIN at the window's edge ends the stream where FIN says", async () => {
  const { peer } = await scene({ options: UNSCALED });
  peer.send({ at: 0, ...ack, data: filled("A", 1000) });
  const rest = WINDOW - 1000;
  peer.send({
    at: 1000 + rest - 5,
    ...ack,
    data: filled("B", 4),
    flags: TcpFlag.FIN,
  });
  peer.send({ at: 1000, ...ack, data: filled("C", rest) });
  assert.equal(peer.connection.failure, undefined);
  assert.equal(await runs(peer), `A×1000 C×${rest - 1}`);
  assert.equal(await peer.connection.readable(), false);
  assert.equal(peer.receive().at(-1)!.acknowledged, 1001 + WINDOW);
});

Deno.test("a FIN inside of data that came ahead of its turn stays in its place", async () => {
  const { peer } = await scene({ options: UNSCALED });
  peer.send({ at: 2000, ...ack, data: filled("B", 10), flags: TcpFlag.FIN });
  peer.send({ at: 1000, ...ack, data: filled("C", WINDOW - 1000) });
  peer.send({ at: 0, ...ack, data: filled("A", 1000) });
  assert.equal(await runs(peer), "A×1000 C×1010");
  assert.equal(await peer.connection.readable(), false);
});

Deno.test("the ACK of a handshake may bring data beyond the window", async () => {
  const completion = { at: 1000, ...ack, data: filled("A", 65_400) };
  const { peer } = await scene({ options: UNSCALED, completion });
  peer.send({ at: 0, ...ack, data: filled("B", 1000) });
  assert.equal(peer.connection.failure, undefined);
  assert.equal(await runs(peer), `B×1000 A×${WINDOW - 1000}`);
});

Deno.test("each place of the list is cut to the window, and FIN beyond it dropped", async () => {
  for (
    const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]]
  ) {
    const { peer } = await scene({ options: UNSCALED });
    const pieces = [
      { at: 10, data: filled("X", 20_000) },
      { at: 30_000, data: filled("Y", 60_000), flags: TcpFlag.FIN },
      { at: 29_990, data: filled("Z", 65_000), flags: TcpFlag.FIN },
    ];
    for (const each of order) peer.send({ ...ack, ...pieces[each]! });
    peer.send({ at: 0, ...ack, data: filled("A", 65_495) });
    peer.send({ at: 65_495, ...ack, data: filled("A", 40) });
    assert.equal(peer.connection.failure, undefined, `order ${order}`);
    assert.match(await runs(peer), /^A×/);
  }
});

Deno.test("single bytes far ahead hold a few pieces of each connection", async () => {
  const net = new Network();
  const node = await net.add("127.0.42.101");
  const peers = Array.from(
    { length: 400 },
    (_, i) => new Peer(net, node, { port: 10_000 + i }),
  );
  const before = node.stack.statistics();
  const one = filled("A", 1);
  for (let at = 2; at < 600; at += 2) {
    for (const peer of peers) peer.send({ at, ...ack, data: one });
    peers[0]!.receive();
  }
  const { usedBlocks, packetsWithoutMemory } = node.stack.statistics();
  // Two blocks for each of 64 pieces.
  assert.ok(usedBlocks - before.usedBlocks <= 400 * 2 * 64, `${usedBlocks} blocks`);
  assert.equal(packetsWithoutMemory, 0);
  for (const peer of peers) peer.send({ at: 0, ...ack, data: filled("B", 3) });
  assert.equal(await runs(peers[399]!), "B×3");
});

Deno.test("segments cut to a byte by later ones hold no more than others", async () => {
  const { net, node } = await scene();
  const data = filled("A", 60_000);
  const before = node.stack.statistics().usedPages;
  for (let i = 0; i < 20; i++) {
    const peer = new Peer(net, node, { port: 10_000 + i });
    for (let at = 1; at < 200; at++) peer.send({ at, ...ack, data });
    peer.receive();
  }
  const { usedPages, pages } = node.stack.statistics();
  assert.ok(usedPages - before < pages / 2, `${usedPages} of ${pages} pages`);
});

for (const size of [65_488, 1460]) {
  Deno.test(`one lost segment of ${size} bytes costs no other`, async () => {
    const { peer, node } = await scene();
    const count = Math.min(Math.floor(SCALED_WINDOW / size), 500);
    const data = filled("A", size);
    for (let i = 1; i < count; i++) {
      peer.send({ at: i * size, ...ack, data });
      peer.receive();
    }
    peer.send({ at: 0, ...ack, data: filled("B", size) });
    assert.equal(await runs(peer), `B×${size} A×${(count - 1) * size}`);
    assert.equal(node.stack.statistics().packetsDropped, 0);
  });
}
