import assert from "node:assert/strict";
import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import {
  formatIpv4,
  parseCidr,
  parseIpv4,
  readUint32,
  TcpFlag,
} from "../wire/ip/ipv4.ts";
import { LinkQueue } from "../link/queue/queue.ts";
import { batchesOf, packetFrame, type PacketSpec } from "./_test_packets.ts";
import { carry } from "./pipeline.ts";
import type { RouterRules } from "./plan.ts";
import { policeCounters } from "./police.ts";
import { Router } from "./route.ts";

const { SYN, ACK, RST } = TcpFlag;
const FOREIGN = "10.1.2.3";
const VIPS = {
  a: "127.0.42.100",
  b: "127.0.42.101",
  c: "127.0.42.102",
  d: "127.0.42.103",
};
const ROUTES: Record<string, string> = { "10.0.0.0/8": "b" };

function rules(vips: Record<string, string> = VIPS, routes = ROUTES): RouterRules {
  return {
    version: 1,
    hosts: Object.entries(vips).map(([name, vip]) => ({ name, vip: parseIpv4(vip)! })),
    routes: Object.entries(routes).map(([range, via]) => ({
      via,
      cidrs: range.includes("/") ? [parseCidr(range)!] : [],
      globs: range.includes("/") ? [] : [range],
      notCidrs: [],
      notGlobs: [],
    })),
  };
}

const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(VIPS).filter(([name]) => !names.includes(name)));

/** A router whose hosts are up, and what arrived at each. */
class Bench {
  readonly router: Router;
  readonly got: Record<string, Frame[]> = {};

  constructor(first = rules()) {
    this.router = new Router(first, { now: () => 0 });
    for (const { name } of first.hosts) this.up(name);
  }

  up(host: string): void {
    const got: Frame[] = this.got[host] = [];
    this.router.up(host, { push: (frame) => got.push(frame) });
  }

  /** Runs frames through the pipeline of a host, and gives what police thought of them. */
  async send(from: string, ...frames: Frame[]) {
    const counters = policeCounters();
    const options = { from, counters, onControl: () => {} };
    await carry(this.router, batchesOf(frames), options);
    return counters;
  }

  /** Opens a connection of a to the foreign address through `via`. */
  async connect(via: string, fromPort = 40000): Promise<void> {
    await this.send("a", packetFrame({ to: FOREIGN, flags: SYN, fromPort }));
    await this.send(via, back({ flags: SYN | ACK, toPort: fromPort }));
    this.clear();
  }

  clear(): void {
    for (const frames of Object.values(this.got)) frames.length = 0;
  }

  /** How many frames arrived, by host; resets as "RST". */
  arrived(): Record<string, (string | undefined)[]> {
    const flagsOf = ({ payload }: Frame) =>
      payload[9] === 6 ? payload[33]! & RST ? "RST" : "TCP" : "ICMP";
    return Object.fromEntries(
      Object.entries(this.got).filter(([, frames]) => frames.length > 0)
        .map(([host, frames]) => [host, frames.map(flagsOf)]),
    );
  }
}

const back = (spec: PacketSpec) =>
  packetFrame({ from: FOREIGN, to: VIPS.a, fromPort: 80, toPort: 40000, ...spec });

Deno.test("bytes under way survive a host added, one removed and a route moved", async () => {
  const bench = new Bench();
  await bench.connect("b");
  const waiting = packetFrame({ to: VIPS.c, flags: SYN });
  bench.router.starting("c");
  await bench.send("a", waiting);

  const added = { ...without("d"), e: "127.0.42.110" };
  bench.router.swap({ ...rules(added, { "10.0.0.0/8": "c" }), version: 2 });
  assert.deepEqual(bench.arrived(), {}, "nobody is told anything");
  assert.equal(bench.router.status().version, 2);

  // The connection goes on through b, both ways, though its route leads to c now.
  await bench.send("a", packetFrame({ to: FOREIGN, data: 5 }));
  await bench.send("b", back({ data: 7 }));
  // So does one between VIPs, and what waited for c comes when it is up.
  await bench.send("b", packetFrame({ from: VIPS.b, to: VIPS.a, data: 9 }));
  bench.up("c");
  assert.deepEqual(bench.arrived(), { a: ["TCP", "TCP"], b: ["TCP"], c: ["TCP"] });
  bench.clear();

  // A new connection takes the new route, and the new host takes part.
  await bench.send("a", packetFrame({ to: FOREIGN, flags: SYN, fromPort: 40001 }));
  bench.up("e");
  await bench.send("a", packetFrame({ to: "127.0.42.110", flags: SYN }));
  await bench.send("e", packetFrame({ from: "127.0.42.110", to: VIPS.b, flags: SYN }));
  assert.deepEqual(bench.arrived(), { b: ["TCP"], c: ["TCP"], e: ["TCP"] });
  assert.equal(bench.router.counters.aborted, 0);
});

Deno.test("a host that was removed goes as if it were down, and sends no more", async () => {
  const bench = new Bench(rules(VIPS, { "10.0.0.0/8": "b", "11.0.0.0/8": "c" }));
  await bench.connect("b");
  bench.router.starting("d");
  await bench.send("a", packetFrame({ to: VIPS.d, flags: SYN }));
  const counters = policeCounters();
  const batches = (async function* () {
    yield [packetFrame({ from: VIPS.b, to: VIPS.c })];
    bench.router.swap(rules(without("b", "d"), { "11.0.0.0/8": "c" }));
    bench.router.up("b", { push: () => assert.fail("it is no host any more") });
    yield [packetFrame({ from: VIPS.b, to: VIPS.c }), back({ data: 1 })];
  })();
  await carry(bench.router, batches, { from: "b", counters, onControl: () => {} });
  assert.deepEqual([counters.ok, counters.source], [1, 2]);
  assert.deepEqual(bench.arrived(), { a: ["RST", "ICMP", "RST"], c: ["TCP"] });
  assert.equal(bench.router.counters.aborted, 1);
  bench.clear();

  await bench.send("a", packetFrame({ to: FOREIGN }), packetFrame({ to: VIPS.b }));
  assert.deepEqual(bench.arrived(), { a: ["RST", "RST"] }, "and its connections with it");
  assert.equal(bench.router.admits("b", packetFrame({ from: VIPS.b }).payload), false);
});

Deno.test("a packet between police and the end of the pipeline survives a swap", async () => {
  const bench = new Bench();
  const counters = policeCounters();
  const swaps = [rules(without("d")), rules(without("c", "d"))];
  for (const swap of swaps) {
    const tap = async function* (batches: AsyncIterable<Frame[]>) {
      for await (const batch of batches) {
        bench.router.swap(swap);
        yield batch;
      }
    };
    const batch = [packetFrame({ to: VIPS.c, flags: SYN })];
    const options = { from: "a", counters, tap, onControl: () => {} };
    await carry(bench.router, batchesOf(batch), options);
  }
  // The second was for a host that is gone: it is refused, not lost.
  assert.deepEqual(bench.arrived(), { c: ["TCP"], a: ["ICMP", "RST"] });
});

Deno.test("a host of another address is another host, which is down at first", async () => {
  const bench = new Bench();
  await bench.connect("b");
  bench.router.swap(rules({ ...VIPS, b: "127.0.42.111" }));
  assert.equal(bench.router.state("b"), "down");
  assert.deepEqual(bench.arrived(), { a: ["RST"] });
  bench.up("b");
  bench.clear();
  await bench.send("a", packetFrame({ to: "127.0.42.111", flags: SYN }));
  assert.deepEqual(bench.arrived(), { b: ["TCP"] });
  const old = await bench.send("b", packetFrame({ from: VIPS.b, to: VIPS.a }));
  assert.equal(old.source, 1);
});

Deno.test("a connection to where no route leads any more is reset at both ends", async () => {
  const bench = new Bench(rules(VIPS, { "10.0.0.0/8": "b", "11.0.0.0/8": "c" }));
  await bench.connect("b");
  bench.router.swap(rules(VIPS, { "11.0.0.0/8": "b" }));
  assert.deepEqual(bench.arrived(), { a: ["RST"], b: ["RST"] });
  const resetTo = (host: string) =>
    formatIpv4(readUint32(bench.got[host]![0]!.bytes, HEADER_BYTES + 16));
  assert.deepEqual([resetTo("a"), resetTo("b")], [VIPS.a, FOREIGN]);
});

Deno.test("one that a name led to stays while any route leads to its host", async () => {
  const bench = new Bench(rules(VIPS, { "*.internal": "b" }));
  const suggest = (via: string) =>
    bench.router.learn("a", [parseIpv4(FOREIGN)!], parseIpv4(via)!);
  suggest(VIPS.b);
  await bench.connect("b");
  bench.router.swap(rules(VIPS, { "*.test": "b", "*.internal": "c" }));
  assert.deepEqual(bench.arrived(), {});
  assert.equal(bench.router.status().hosts[0]!.suggestions, 1, "and is suggested still");
  bench.router.swap(rules(VIPS, { "*.internal": "c" }));
  assert.deepEqual(bench.arrived(), { a: ["RST"], b: ["RST"] });
  assert.equal(bench.router.status().hosts[0]!.suggestions, 0);
  bench.clear();
  await bench.send("a", packetFrame({ to: FOREIGN, flags: SYN, fromPort: 40001 }));
  assert.deepEqual(bench.arrived(), { a: ["ICMP", "RST"] });
});

Deno.test("a packet is looked up once, and what was found is carried along", async () => {
  const bench = new Bench();
  const counters = policeCounters();
  const tap = async function* (batches: AsyncIterable<Frame[]>) {
    for await (const batch of batches) {
      // Nobody may write to a frame; here it shows that nobody looks again.
      for (const { bytes } of batch) bytes.set([127, 0, 42, 103], HEADER_BYTES + 16);
      yield batch;
    }
  };
  const options = { from: "a", counters, tap, onControl: () => {} };
  await carry(bench.router, batchesOf([packetFrame({ to: VIPS.c })]), options);
  assert.deepEqual(bench.arrived(), { c: ["TCP"] });
});

Deno.test("the status of a router tells queues, waiting rooms and connections", async () => {
  const bench = new Bench();
  await bench.connect("b");
  const queue = new LinkQueue();
  bench.router.up("d", queue);
  bench.router.starting("c");
  await bench.send("a", packetFrame({ to: VIPS.c, flags: SYN }));
  await bench.send("a", packetFrame({ to: VIPS.d, data: 100 }));
  const { version, counters, flows, hosts } = bench.router.status();
  assert.deepEqual([version, counters], [1, bench.router.counters]);
  assert.notEqual(counters, bench.router.counters, "a picture, not the thing");
  assert.deepEqual(flows, {
    opening: 0,
    open: 1,
    finished: 0,
    refused: 0,
    limit: 65_536,
  });
  const nothing = { frames: 0, bytes: 0 };
  assert.deepEqual(hosts, [
    { host: "a", presence: "up", waiting: nothing, charged: 148 + 1024, suggestions: 0 },
    { host: "b", presence: "up", waiting: nothing, charged: 0, suggestions: 0 },
    {
      host: "c",
      presence: "starting",
      waiting: { frames: 1, bytes: 48 + 256 },
      charged: 0,
      suggestions: 0,
    },
    {
      host: "d",
      presence: "up",
      queue: queue.status(),
      waiting: nothing,
      charged: 0,
      suggestions: 0,
    },
  ]);
  assert.deepEqual([hosts[3]!.queue!.frames, hosts[3]!.queue!.bytes], [1, 148]);
  assert.deepEqual(JSON.parse(JSON.stringify(hosts)), hosts);
});
