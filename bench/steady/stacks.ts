/**
 * Bytes through two stacks: a bulk stream, single bytes back and forth, and connections
 * that last for one byte.
 *
 * @module
 */
import type { Network, Node } from "../../stack/_network.ts";
import { receiveAll, sendAll } from "../../stack/_network.ts";
import { bytes, close, connected, during, pair } from "../../stack/_pair.ts";
import type { TcpConnection } from "../../stack/tcp.ts";
import type { Counter, Counts } from "./counter.ts";

const BULK_BYTES = 4 << 20;
const ROUND_TRIPS = 100;
const CONNECTIONS = 50;

interface Pair {
  readonly net: Network;
  readonly a: Node;
  readonly b: Node;
}

/** Counts calls of each function of the nodes' stacks. */
function watchCalls(nodes: readonly Node[]): Map<string, number> {
  const calls = new Map<string, number>();
  for (const { stack } of nodes) {
    const exports = stack.instance.exports as unknown as Record<string, unknown>;
    for (const [name, member] of Object.entries(exports)) {
      if (typeof member !== "function") continue;
      exports[name] = (...args: number[]) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return member(...args);
      };
    }
  }
  return calls;
}

/** Calls that a network in a process makes to look whether there is something to do. */
const IDLE_CALLS = new Set(["next_event", "out_take", "poll", "statistics"]);

async function counted(work: (pair: Pair) => Promise<void>): Promise<Counts> {
  const { net, a, b } = await pair();
  const packets: Counts = { "packets": 0, "packets without data": 0, "packet bytes": 0 };
  net.tap = (packet) => {
    const headers = (packet[0]! & 15) * 4 + (packet[32]! >> 4) * 4;
    packets["packets"]!++;
    packets["packet bytes"]! += packet.length;
    if (packet.length === headers) packets["packets without data"]!++;
  };
  const calls = watchCalls([a, b]);
  await work({ net, a, b });
  const used = [...calls].filter(([name]) => !IDLE_CALLS.has(name)).sort();
  const all = used.reduce((sum, [, count]) => sum + count, 0);
  const { usedPages, usedBlocks } = b.stack.statistics();
  return {
    ...packets,
    "calls": all,
    ...Object.fromEntries(used.map(([name, count]) => [`calls of ${name}`, count])),
    "pages used at the end": usedPages,
    "blocks used at the end": usedBlocks,
  };
}

/** A byte to the other end. */
async function pass(net: Network, from: TcpConnection, to: TcpConnection): Promise<void> {
  await sendAll(from, bytes(1));
  await net.settle();
  await to.readable();
  to.consume(to.peek().length);
}

async function bulk({ net, a, b }: Pair): Promise<void> {
  const [client, server] = await connected(net, a, b);
  const sent = sendAll(client, bytes(BULK_BYTES)).then(() => client.shutdown());
  const received = receiveAll(server);
  await during(net, Promise.all([sent, received]));
  server.shutdown();
  await close(net, client, server);
}

async function roundTrips({ net, a, b }: Pair): Promise<void> {
  const [client, server] = await connected(net, a, b);
  for (let number = 0; number < ROUND_TRIPS; number++) {
    await pass(net, client, server);
    await pass(net, server, client);
  }
  await close(net, client, server);
}

async function connections({ net, a, b }: Pair): Promise<void> {
  for (let number = 0; number < CONNECTIONS; number++) {
    const [client, server] = await connected(net, a, b);
    await pass(net, client, server);
    await pass(net, server, client);
    client.shutdown();
    await net.settle();
    server.shutdown();
    await net.settle();
    client.release();
    server.release();
    await net.settle();
  }
}

export const counters: readonly Counter[] = [
  { name: "4 MiB through two stacks", count: () => counted(bulk) },
  {
    name: `${ROUND_TRIPS} round trips of a byte through two stacks`,
    count: () => counted(roundTrips),
  },
  {
    name: `${CONNECTIONS} connections of a byte each way through two stacks`,
    count: () => counted(connections),
  },
];
