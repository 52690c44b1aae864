// Crowds that stall, lose packets and run out of memory, by seed: every byte arrives.
import assert from "node:assert/strict";
import { Network, type Node, sendAll } from "./_network.ts";
import type { TcpConnection } from "./tcp.ts";

/** Numbers in [0, 1), the same for the same seed (Marsaglia's xorshift32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Bytes that differ with the connection and, beyond 64 KiB, with the place. */
function pattern(length: number, key: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const words = new Uint32Array(bytes.buffer, 0, length >>> 2);
  for (let i = 0; i < words.length; i++) {
    words[i] = Math.imul(i ^ key << 20, 0x9e3779b1) ^ i >>> 14;
  }
  return bytes;
}

interface Reader {
  stalled: boolean;
  at: number;
}

/** Reads to the end, comparing, in pieces; does nothing while it is stalled. */
async function read(
  connection: TcpConnection,
  wanted: Uint8Array,
  reader: Reader,
): Promise<void> {
  while (await connection.readable()) {
    while (reader.stalled) await new Promise((resolve) => setTimeout(resolve));
    const bytes = connection.peek();
    const expected = wanted.subarray(reader.at, reader.at + bytes.length);
    assert.ok(
      bytes.length === expected.length && isSame(bytes, expected),
      `wrong bytes at ${reader.at}`,
    );
    reader.at += bytes.length;
    connection.consume(bytes.length);
  }
  assert.equal(reader.at, wanted.length, "the end comes too early");
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

interface Crowd {
  readonly count: number;
  /** Bytes of each stream. */
  readonly length: number;
  readonly loss: number;
  /** Links whose windows close, open, and change the size of frames meanwhile. */
  readonly windows?: boolean;
}

/** Lets a window of a link do what it likes, but for good. */
function disturb(random: () => number, net: Network, nodes: readonly Node[]): void {
  const one = <T>(list: readonly T[]) => list[Math.trunc(random() * list.length)]!;
  if (random() < 0.1) {
    const limit = one([0, 1500, 5000, 30_000, 100_000, Infinity]);
    const segment = one([0, 700, 1352, 5000, 20_000, Infinity]);
    one(nodes).stack.limitOutput(limit, segment);
  }
  if (random() < 0.3) one(nodes).stack.putCredit(2 ** 40 * random(), 4096);
  net.take = (stack) => random() < 0.5 ? stack.takeOutput(random() < 0.3) : undefined;
}

async function crowd(seed: number, { count, length, loss, windows = false }: Crowd) {
  const random = numbers(seed);
  const net = new Network();
  const nodes: Node[] = [await net.add("127.0.42.100"), await net.add("127.0.42.101")];
  const [a, b] = nodes as [Node, Node];
  const clients = Array.from({ length: count }, () => a.stack.connect(b.address, 80));
  await net.settle();
  const servers = b.arrived.splice(0);
  for (const server of servers) server.accept();
  await net.settle();
  net.lose = () => random() < loss;
  const readers: Reader[] = [];
  let left = 0;
  const work = clients.flatMap((client, i) => {
    const server = servers[i]!;
    return [[client, server, i], [server, client, count + i]] as const;
  }).map(async ([from, to, key]) => {
    left++;
    const data = pattern(length, key);
    const reader = { stalled: random() < 0.8, at: 0 };
    readers.push(reader);
    await Promise.all([
      sendAll(from, data).then(() => from.shutdown()),
      read(to, data, reader),
    ]);
    left--;
  });
  let failure: unknown;
  const all = Promise.all(work).catch((error) => failure = error);
  let turn = 0;
  for (; left > 0 && failure === undefined; turn++) {
    assert.ok(
      turn < 6_000,
      `${left} of ${2 * count} streams are not through after ${turn / 20} s: ` +
        readers.filter(({ at }) => at < length).slice(0, 5).map(({ at }) => at),
    );
    for (const reader of readers) {
      if (turn > 200) reader.stalled = false;
      else if (random() < 0.02) reader.stalled = !reader.stalled;
    }
    net.now += 50;
    if (windows) disturb(random, net, nodes);
    for (const { stack } of nodes) stack.poll(net.now);
    net.carry();
    await new Promise((resolve) => setTimeout(resolve));
    net.carry();
  }
  if (failure !== undefined) throw failure;
  await all;
  for (const each of [...clients, ...servers]) each.release();
  net.lose = () => false;
  net.take = (stack) => stack.takeOutput();
  await net.pass(5_000);
  assert.deepEqual(nodes.map(({ stack }) => stack.statistics().connections), [0, 0]);
}

const crowds = [
  { count: 60, length: 4 << 20, loss: 0.01 },
  { count: 300, length: 1 << 20, loss: 0 },
  { count: 8, length: 16 << 20, loss: 0.05 },
];
const seeds = (Deno.env.get("NOROUTER_CROWD_SEEDS") ?? "1").split(" ").map(Number);
for (const seed of seeds) {
  for (const each of crowds) {
    const title =
      `${each.count} connections that stall and lose ${each.loss * 100} % of ` +
      `their packets get every byte (seed ${seed})`;
    Deno.test(title, () => crowd(seed, each));
  }
}
for (const seed of seeds.length > 1 ? seeds : [1, 2, 3, 4, 5]) {
  const title = `windows that close and change cost connections no byte (seed ${seed})`;
  const [count, loss] = [1 + seed * 7 % 40, seed % 3 / 100];
  Deno.test(title, () => crowd(seed, { count, length: 300_000, loss, windows: true }));
}
