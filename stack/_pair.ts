/**
 * Two stacks with connections between them, for tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Network, type Node } from "./_network.ts";
import type { TcpConnection } from "./tcp.ts";

/** Two stacks that reach each other. */
export async function pair(): Promise<{ net: Network; a: Node; b: Node }> {
  const net = new Network();
  return { net, a: await net.add("127.0.42.100"), b: await net.add("127.0.42.101") };
}

/** A connection from `a` to `b`: both ends, open. */
export async function connected(
  net: Network,
  a: Node,
  b: Node,
): Promise<[TcpConnection, TcpConnection]> {
  const client = a.stack.connect(b.address, 8080);
  net.carry();
  const server = b.arrived.shift()!;
  server.accept();
  await net.settle();
  await Promise.all([client.opened(), server.opened()]);
  return [client, server];
}

/** Bytes that look random, the same for the same seed. */
export function bytes(length: number, seed = 7): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (state * 1103515245 + 12345) >>> 0;
    result[i] = state >>> 24;
  }
  return result;
}

/** Runs `work` while packets are carried and, if asked for, time passes. */
export async function during<T>(
  net: Network,
  work: Promise<T>,
  withTime = false,
): Promise<T> {
  let done = false;
  const finished = work.finally(() => done = true);
  finished.catch(() => {});
  for (let rounds = 0; !done; rounds++) {
    assert.ok(rounds < 20_000, "the transfer does not end");
    if (withTime) await net.pass(50);
    else await net.settle();
  }
  return await finished;
}

/** Releases connections and lets them end. */
export async function close(
  net: Network,
  ...connections: TcpConnection[]
): Promise<void> {
  for (const connection of connections) connection.release();
  await net.pass(2_500);
}
