// One host that floods takes no more than its share of connections and handshakes.
import assert from "node:assert/strict";
import { TcpFlag } from "../wire/ip/ipv4.ts";
import { Network, type Node } from "./_network.ts";
import { makeSegment } from "./_segment.ts";
import type { TcpConnection } from "./tcp.ts";

const FLOODER = 0x7f002a09;
const OTHER = 0x7f002a0a;
const THIRD = 0x7f002a0b;
const CONNECTIONS = 16_384;
const HELD_SYNS = 4096;

/** Sends SYNs of so many connections. */
function flood(net: Network, node: Node, from: number, count: number, first = 0): void {
  for (let i = first; i < first + count; i++) {
    const ports = { fromPort: 1 + i, toPort: 80 };
    const numbers = { sequence: 1000, flags: TcpFlag.SYN, window: 65_535 };
    net.inject(node, makeSegment({ from, to: node.address, ...ports, ...numbers }));
  }
}

function from(arrived: readonly TcpConnection[], address: number): number {
  return arrived.filter(({ ends }) => ends.remoteAddress === address).length;
}

Deno.test("a host may hold half of the SYNs that others leave", async () => {
  const net = new Network();
  const node = await net.add("127.0.42.101");
  flood(net, node, FLOODER, 3000);
  flood(net, node, OTHER, 3000);
  flood(net, node, THIRD, 100);
  const { arrived } = node;
  assert.equal(from(arrived, FLOODER), HELD_SYNS / 2);
  assert.equal(from(arrived, OTHER), HELD_SYNS / 4);
  assert.equal(from(arrived, THIRD), 100);
  assert.equal(node.stack.statistics().turnedAway, 6000 - HELD_SYNS / 4 * 3);
  // What it gave back it may have again.
  for (const each of arrived.splice(0)) each.refuse();
  net.carry();
  flood(net, node, FLOODER, 2000, 3000);
  assert.equal(arrived.length, 2000);
  for (const each of arrived.splice(0)) each.refuse();
  net.carry();
  await net.pass(100);
  assert.equal(node.stack.statistics().usedBlocks, 1);
});

Deno.test("a handshake that nobody finishes counts like a held SYN", async () => {
  const net = new Network();
  const node = await net.add("127.0.42.101");
  flood(net, node, FLOODER, 3000);
  for (const each of node.arrived.splice(0)) each.accept();
  net.carry();
  flood(net, node, FLOODER, 1000, 3000);
  assert.equal(node.arrived.length, 0);
  flood(net, node, OTHER, 100);
  assert.equal(node.arrived.length, 100);
  for (const each of node.arrived.splice(0)) each.refuse();
  // lwIP gives them up after 20 s.
  await net.pass(25_000);
  flood(net, node, FLOODER, 1000, 4000);
  assert.equal(node.arrived.length, 1000);
});

Deno.test("a host may hold three quarters of the connections that others leave", async () => {
  const net = new Network();
  const node = await net.add("127.0.42.101");
  const flooder = await net.add("127.0.42.9");
  const other = await net.add("127.0.42.10");
  const kept: TcpConnection[] = [];
  const connect = (from: Node, count: number) => {
    for (let i = 0; i < count; i += 1000) {
      for (let j = 0; j < 1000; j++) kept.push(from.stack.connect(node.address, 80));
      net.carry();
      for (const each of node.arrived) each.accept();
      kept.push(...node.arrived.splice(0));
      while (net.carry() > 0);
    }
  };
  connect(flooder, CONNECTIONS - 1000);
  assert.equal(from(kept, flooder.address), CONNECTIONS / 4 * 3);
  connect(other, 2000);
  assert.equal(from(kept, other.address), 2000);
  const own = Array.from({ length: 100 }, () => node.stack.connect(THIRD, 80));
  for (const each of [...kept, ...own]) each.release();
  await net.pass(100);
  assert.equal(node.stack.statistics().connections, 0);
});
