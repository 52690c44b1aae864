/**
 * A connector among hosts whose packets a manager of the test carries.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Network, type Node } from "../stack/_network.ts";
import type { TcpConnection } from "../stack/tcp.ts";
import { within } from "../tests/harness/scene/wait.ts";
import type { WireRoute } from "../wire/control/control.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { answerOf, ipBytes } from "./dns/_fake_dns.ts";
import { Connector } from "./connector.ts";
import { DialError, type DialFailure } from "./edge/dial.ts";
import { Directory } from "./directory.ts";
import { lookup } from "./edge/lookup.ts";
import { NameServer } from "./dns/server.ts";
import { MeshStream } from "./edge/stream.ts";
import type { Upstream } from "./upstream.ts";

export const VIPS = {
  me: "127.0.42.100",
  web: "127.0.42.101",
  east: "127.0.42.102",
  west: "127.0.42.103",
} as const;

export type Host = keyof typeof VIPS;

/** What a host does with a SYN: takes it, refuses it, answers with an ICMP code, or waits. */
export type SynVerdict = "accept" | "refuse" | "hold" | number;

interface MeshOptions {
  readonly routes?: readonly Partial<WireRoute>[];
  readonly forwards?: Map<number, { hostname: string; port: number }>;
  readonly published?: Map<number, number[]>;
  /** By host and address with port, as in `east 10.0.0.1:80`; `accept` where not said. */
  readonly verdicts?: Record<string, SynVerdict>;
  /** Addresses of names, by host, or the code that a name is answered with. */
  readonly names?: Partial<Record<Host, Record<string, string[] | number>>>;
  readonly ttl?: number;
  /** The code of the error with which this machine looks up any name. */
  readonly lookupError?: string;
}

/** A connector with its stack, among hosts whose packets a manager of the test carries. */
export async function mesh(options: MeshOptions = {}) {
  const network = new Network();
  const nodes = {} as Record<Host, Node>;
  for (const [name, vip] of Object.entries(VIPS)) {
    nodes[name as Host] = await network.add(vip);
  }
  const byVip = new Map(Object.values(nodes).map((node) => [node.address, node]));
  const events: string[] = [];
  const suggested = new Map<number, Node>();
  const flows = new Map<string, Node>();
  network.lose = (packet) => {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const to = view.getUint32(16);
    const at = (packet[0]! & 15) * 4;
    const isSyn = packet[9] === 6 && (packet[at + 13]! & 0x12) === 2;
    if (isSyn) events.push(`SYN ${formatIpv4(to)}:${view.getUint16(at + 2)}`);
    if (byVip.has(to)) return false;
    const flow = `${view.getUint16(at)} ${to}`;
    const node = isSyn ? suggested.get(to) ?? nodes.east : flows.get(flow);
    if (isSyn) flows.set(flow, node!);
    if (node) network.inject(node, packet);
    return true;
  };
  const unsent: (() => void)[] = [];
  const ending = new AbortController();
  const directory = new Directory({
    me: parseIpv4(VIPS.me)!,
    names: { ...VIPS, "web.example": VIPS.web },
    routes: (options.routes ?? []).map((route) => ({
      toCIDR: [],
      toHostnameGlob: [],
      via: VIPS.east,
      ...route,
    })) as WireRoute[],
  });
  const connector = new Connector({
    me: parseIpv4(VIPS.me)!,
    stack: nodes.me.stack,
    directory,
    forwards: options.forwards ?? new Map(),
    suggest: (address, via) => {
      events.push(`${formatIpv4(address)} is behind ${directory.nameOf(via)}`);
      suggested.set(address, byVip.get(via)!);
    },
    sent: () => new Promise((resolve) => unsent.push(resolve)),
    warn: (message) => events.push(message),
    ...(options.published && { published: options.published }),
    ...(options.lookupError !== undefined && {
      lookup: (name, signal) => {
        const code = options.lookupError;
        const error = Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code });
        return lookup(name, signal, { system: () => Promise.reject(error) });
      },
    }),
    signal: ending.signal,
  });
  const taken: { host: string; to: string; connection: TcpConnection }[] = [];
  const upstream = (host: Host) => ({
    ask: (query: Uint8Array) => {
      let name = "";
      for (let at = 12; query[at] !== 0; at += 1 + query[at]!) {
        name += `.${String.fromCharCode(...query.subarray(at + 1, at + 1 + query[at]!))}`;
      }
      events.push(`${host} is asked for ${name.slice(1)}`);
      const addresses = options.names?.[host]?.[name.slice(1)] ?? 3;
      if (typeof addresses === "number") {
        return Promise.resolve(answerOf(query, { rcode: addresses }));
      }
      const answers = addresses.map((address) => {
        return { type: 1, ttl: options.ttl ?? 100, data: ipBytes(address) };
      });
      return Promise.resolve(answerOf(query, { answers }));
    },
  });
  const serve = (host: Host, connection: TcpConnection) => {
    const { localAddress, localPort } = connection.ends;
    const to = `${formatIpv4(localAddress)}:${localPort}`;
    const verdict = options.verdicts?.[`${host} ${to}`] ?? "accept";
    if (verdict === "refuse") return connection.refuse();
    if (verdict === "hold") return;
    if (typeof verdict === "number") return connection.refuse(verdict);
    connection.accept();
    if (localPort === 10053) {
      const server = new NameServer({
        names: new Map(),
        namesOf: () => [],
        upstream: upstream(host),
        mayAsk: () => true,
      });
      const serving = (async () => {
        await connection.opened();
        await server.serve(new MeshStream(connection));
      })();
      serving.catch(() => {});
    } else taken.push({ host, to, connection });
  };
  /** Carries packets until `promise` has settled. */
  const drive = async <T>(promise: Promise<T>): Promise<T> => {
    let isOver = false;
    const over = promise.finally(() => isOver = true);
    over.catch(() => {});
    const carrying = (async () => {
      while (!isOver) {
        await network.settle();
        for (const sent of unsent.splice(0)) sent();
        for (const [host, { arrived }] of Object.entries(nodes)) {
          for (const one of arrived.splice(0)) serve(host as Host, one);
        }
      }
    })();
    try {
      return await within("the connection", over, 10_000);
    } finally {
      isOver = true;
      await carrying;
    }
  };
  const connect = (host: string, port: number, signal?: AbortSignal) => {
    return drive(connector.connect(host, port, signal));
  };
  /** Connects, tells where to, and lets go again. */
  const reach = async (host: string, port = 80): Promise<string> => {
    const upstream: Upstream = await connect(host, port);
    const last = taken.at(-1)!;
    upstream.reset();
    await network.settle();
    return `${last.host} ${last.to}`;
  };
  return { connect, reach, drive, connector, events, network, nodes, ending, taken };
}

export async function failure(
  promise: Promise<unknown>,
  expected: DialFailure,
  message: string,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof DialError, `${error}`);
    assert.equal(error.message, message);
    assert.equal(error.failure, expected);
    return true;
  });
}
