/** Policy at work in a router: what a SYN meets, and what a swap ends. */
import assert from "node:assert/strict";
import type { RouterRules } from "./plan.ts";
import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { parseIpv4, readUint16, readUint32, TcpFlag } from "../wire/ip/ipv4.ts";
import { flagsIn, icmpIn, inWords, rules } from "./_mesh.ts";
import {
  batchesOf,
  controlFrame,
  hasValidChecksums,
  packetFrame,
  type PacketSpec,
} from "./_test_packets.ts";
import { MOST_TRIES } from "./provocation.ts";
import { carry } from "./pipeline.ts";
import { policy } from "./policy/_rules.ts";
import type { Denial } from "./policy/gate.ts";
import { policeCounters } from "./police.ts";
import { Router } from "./route.ts";

const { SYN, ACK, FIN, RST } = TcpFlag;
const VIPS = { a: "127.0.42.100", b: "127.0.42.101", c: "127.0.42.102" };
const FOREIGN = "10.1.2.3";
const PLAIN = rules(VIPS, [["c", "10.0.0.0/8"]]);
const under = (...texts: string[]) => ({ ...PLAIN, policy: policy(...texts) });

/** A router whose hosts are up, what arrived at each, and what was denied. */
class Bench {
  readonly got: Record<string, Frame[]> = {};
  readonly denials: Denial[] = [];
  readonly router: Router;
  now = 0;

  constructor(first: RouterRules = PLAIN) {
    this.router = new Router(first, {
      now: () => this.now,
      onDenied: (denial) => this.denials.push(denial),
    });
    for (const host of Object.keys(VIPS)) this.up(host);
  }

  up(host: string): void {
    const got: Frame[] = this.got[host] = [];
    this.router.up(host, { push: (frame) => got.push(frame) });
  }

  async send(from: keyof typeof VIPS, ...frames: Frame[]): Promise<void> {
    const options = {
      from,
      counters: policeCounters(),
      onControl: () => {
        const [address, via] = [parseIpv4(FOREIGN)!, parseIpv4(VIPS.c)!];
        this.router.learn(from, [address], via, ["db.internal"]);
      },
    };
    await carry(this.router, batchesOf(frames), options);
  }

  /** Opens a connection of a to b, or to the foreign address. */
  async connect(to: "b" | "foreign", fromPort = 40000): Promise<void> {
    const there = to === "b" ? VIPS.b : FOREIGN;
    await this.send("a", packetFrame({ to: there, flags: SYN, seq: 1000, fromPort }));
    const answer = {
      from: there,
      to: VIPS.a,
      fromPort: 80,
      toPort: fromPort,
      flags: SYN | ACK,
      seq: 5000,
      ack: 1001,
    };
    await this.send(to === "b" ? "b" : "c", packetFrame(answer));
    await this.send("a", packetFrame({ to: there, seq: 1001, ack: 5001, fromPort }));
    this.clear();
  }

  clear(): void {
    for (const frames of Object.values(this.got)) frames.length = 0;
  }

  /** What arrived at a host since the last look, in words. */
  take(host: keyof typeof VIPS): string[] {
    return this.got[host]!.splice(0).map((frame) => {
      if (frame.payload[9] !== 1) return inWords(frame);
      assert.ok(hasValidChecksums(frame.payload));
      return `ICMP ${icmpIn(frame).join(".")}`;
    });
  }
}

const DENIED = [
  "ICMP 3.13",
  "RST+ACK 127.0.42.101:80 > 127.0.42.100:40000 seq 0 ack 1001",
];

Deno.test("a SYN that is denied is answered by ICMP and a reset, counted and told", async () => {
  const bench = new Bench(under("deny a -> b : 80"));
  const syn = packetFrame({ to: VIPS.b, flags: SYN });
  await bench.send("a", syn);
  assert.deepEqual(bench.take("a"), DENIED);
  assert.deepEqual(bench.take("b"), []);
  const [denial] = bench.denials;
  assert.deepEqual({ ...denial, frame: undefined }, {
    from: "a",
    to: "b",
    isRouted: false,
    address: parseIpv4(VIPS.b),
    port: 80,
    names: [],
    rule: "mesh.yaml:1:5",
    frame: undefined,
  });
  assert.equal(denial!.frame, syn);
  await bench.send("a", packetFrame({ to: VIPS.b, flags: SYN, toPort: 81 }));
  await bench.send("b", packetFrame({ from: VIPS.b, to: VIPS.a, flags: SYN }));
  assert.equal(bench.take("b").length, 1);
  assert.equal(bench.take("a").length, 1);
  assert.deepEqual(bench.router.status().policy, [
    { rule: 1, at: "mesh.yaml:1:5", action: "deny", denied: 1, allowed: 0 },
  ]);
  assert.equal(bench.router.counters.denied, 1);
});

Deno.test("only SYNs are asked about, and a fragment is no way around", async () => {
  const bench = new Bench(under("deny * -> *"));
  await bench.send("a", packetFrame({ to: VIPS.b }));
  await bench.send("b", packetFrame({ from: VIPS.b, to: VIPS.a, flags: SYN | ACK }));
  assert.equal(bench.take("b").length, 1);
  assert.equal(bench.take("a").length, 1);
  await bench.send("a", packetFrame({ to: VIPS.b, flags: SYN, fragment: 0x2000 }));
  await bench.send("a", packetFrame({ to: VIPS.b, flags: SYN, fragment: 1 }));
  assert.deepEqual([bench.take("a"), bench.take("b")], [[], []]);
  assert.deepEqual(bench.denials, []);
});

Deno.test("the name servers of the mesh are exempt, unless a host publishes their port", async () => {
  const syn = packetFrame({ to: VIPS.b, flags: SYN, toPort: 10053 });
  const bench = new Bench(under("deny * -> *"));
  await bench.send("a", syn);
  assert.equal(bench.take("b").length, 1);
  const ports = [{
    host: "b",
    listenPort: 10053,
    connectHost: "127.0.0.1",
    connectPort: 53,
    proto: "tcp" as const,
  }];
  const publishing = new Bench({ ...under("deny * -> *"), ports });
  await publishing.send("a", syn);
  assert.deepEqual(publishing.take("b"), []);
});

Deno.test("a routed SYN is decided by the name that was suggested before it in its batch", async () => {
  const bench = new Bench(under("deny * -> name:*.internal", "allow * -> c"));
  const syn = (fromPort: number) => packetFrame({ to: FOREIGN, flags: SYN, fromPort });
  await bench.send("a", syn(40000), controlFrame(), syn(40001));
  assert.deepEqual(bench.take("c").length, 1, "a bare address has no name");
  assert.deepEqual(bench.take("a").length, 2);
  assert.deepEqual(
    bench.denials.map(({ to, isRouted, names }) => ({ to, isRouted, names })),
    [
      { to: "c", isRouted: true, names: ["db.internal"] },
    ],
  );
  // The VIP of the host on the way is not the destination.
  const ranges = new Bench(under("deny * -> c", "deny b -> 10.0.0.0/8"));
  await ranges.send("a", syn(40000));
  assert.equal(ranges.take("c").length, 1);
  await ranges.send("b", packetFrame({ from: VIPS.b, to: FOREIGN, flags: SYN }));
  assert.equal(ranges.denials.length, 1);
});

Deno.test("a SYN that waited is decided by the rules of the moment", async () => {
  const bench = new Bench();
  bench.router.starting("b");
  await bench.send("a", packetFrame({ to: VIPS.b, flags: SYN }));
  bench.router.swap(under("deny a -> b"));
  assert.deepEqual(bench.take("a").slice(0, 1), [DENIED[1]], "at once");
  bench.up("b");
  assert.deepEqual(bench.take("b"), []);
  assert.deepEqual(bench.take("a").slice(-2), DENIED);
});

Deno.test("a swap resets both ends of a routed connection that it forbids", async () => {
  const bench = new Bench();
  await bench.connect("foreign");
  await bench.connect("foreign", 40001);
  bench.router.swap(under("deny a -> 11.0.0.0/8"));
  assert.deepEqual([bench.take("a"), bench.take("c")], [[], []]);
  bench.router.swap(under("deny b -> *", "deny a -> 10.0.0.0/8 : 80"));
  assert.equal(bench.take("a").filter((text) => text.startsWith("RST")).length, 2);
  assert.equal(bench.take("c").filter((text) => text.startsWith("RST")).length, 2);
  assert.equal(bench.router.counters.forbidden, 2);
});

Deno.test("ends of a routed connection that did not hear of its reset are provoked, and reset", async () => {
  const bench = new Bench();
  await bench.connect("foreign");
  await bench.connect("foreign", 40001);
  bench.router.swap(under("deny a -> 10.0.0.0/8"));
  bench.clear(); // lost
  assert.equal(bench.router.pursue(), 2);
  bench.router.swap(PLAIN);
  await bench.send("a", packetFrame({ to: FOREIGN, flags: SYN, fromPort: 40001 }));
  bench.clear();
  assert.equal(bench.router.pursue(), 1, "the other's ports are in use again");
  assert.match(bench.take("a")[0]!, /^SYN\+ACK 10\.1\.2\.3:80 > .*:40000 /);
  assert.match(bench.take("c")[0]!, /^SYN\+ACK .*:40000 > 10\.1\.2\.3:80 /);
  const answer = { from: FOREIGN, to: VIPS.a, fromPort: 80, toPort: 40000 };
  await bench.send("c", packetFrame({ ...answer, seq: 777, ack: 888 }));
  await bench.send("a", packetFrame({ to: FOREIGN, seq: 888, ack: 777 }));
  assert.match(bench.take("c")[0]!, /^RST .* seq 888 /);
  assert.match(bench.take("a")[0]!, /^RST .* seq 777 /);
  for (let at = 0; at < MOST_TRIES; at++) bench.router.pursue();
  assert.equal(bench.router.pursued, 0, "not for ever");
});

Deno.test("a swap provokes idle ends, and resets each by its own numbers", async () => {
  const bench = new Bench();
  await bench.connect("b");
  await bench.connect("b", 40001);
  bench.router.swap(under("deny a -> b : 1-100"));
  // Bare acknowledgements below the window of either.
  const to = "127.0.42.101:80 > 127.0.42.100:40000 seq 5000 ack 1001";
  const fro = "127.0.42.100:40000 > 127.0.42.101:80 seq 1000 ack 5001";
  assert.equal(bench.take("a")[0], `ACK ${to}`);
  assert.equal(bench.take("b")[0], `ACK ${fro}`);
  assert.equal(bench.router.pursued, 2);
  // Their answers tell where they are; nothing gets through.
  const ends = { fromPort: 80, toPort: 40000, from: VIPS.b, to: VIPS.a };
  await bench.send("b", packetFrame({ ...ends, seq: 777_000, ack: 888_000 }));
  await bench.send("a", packetFrame({ to: VIPS.b, seq: 888_000, ack: 777_500, data: 9 }));
  assert.deepEqual(bench.take("b"), [
    "RST 127.0.42.100:40000 > 127.0.42.101:80 seq 888000 ack 0",
  ]);
  assert.deepEqual(bench.take("a"), [
    "RST 127.0.42.101:80 > 127.0.42.100:40000 seq 777500 ack 0",
  ]);
  // When provoked again, those that are gone say so.
  bench.router.pursue();
  await bench.send("b", packetFrame({ ...ends, flags: RST }));
  await bench.send("a", packetFrame({ to: VIPS.b, flags: RST }));
  assert.equal(bench.router.pursued, 1);
  for (let at = 0; at < MOST_TRIES; at++) bench.router.pursue();
  assert.equal(bench.router.pursued, 0, "not for ever");
});

Deno.test("a swap leaves what it allows alone, and what is not open any more", async () => {
  const bench = new Bench();
  await bench.connect("b");
  await bench.connect("b", 40001);
  await bench.connect("b", 40002);
  await bench.send("a", packetFrame({ to: VIPS.b, flags: RST, fromPort: 40001 }));
  await bench.send("a", packetFrame({ to: VIPS.b, flags: FIN | ACK, fromPort: 40002 }));
  const fin = { from: VIPS.b, to: VIPS.a, fromPort: 80, toPort: 40002, flags: FIN | ACK };
  await bench.send("b", packetFrame(fin));
  bench.clear();
  bench.router.swap(under("deny a -> b : 81"));
  assert.equal(bench.router.pursued, 0);
  await bench.send("a", packetFrame({ to: VIPS.b, data: 4 }));
  assert.equal(bench.take("b").length, 1);
  bench.router.swap(under("deny a -> b"));
  assert.equal(bench.router.pursued, 1);
  assert.equal(bench.router.status().between, 0);
});

Deno.test("a port that is used again is not taken for the connection that is ended", async () => {
  const bench = new Bench();
  await bench.connect("b");
  bench.router.swap(under("deny a -> b"));
  bench.router.swap(PLAIN);
  assert.equal(bench.router.pursued, 1, "it has lost packets");
  bench.clear();
  await bench.send("a", packetFrame({ to: VIPS.b, flags: SYN, seq: 9000 }));
  await bench.send("a", packetFrame({ to: VIPS.b, data: 3 }));
  assert.equal(bench.take("b").length, 2);
  assert.equal(bench.router.pursued, 0);
});

Deno.test("an end that is away is waited for, and one that is down is let go", async () => {
  const bench = new Bench();
  await bench.connect("b");
  bench.router.away("b");
  bench.router.swap(under("deny a -> b"));
  for (let at = 0; at < 3 * MOST_TRIES; at++) bench.router.pursue();
  assert.equal(bench.router.pursued, 1);
  bench.up("b");
  bench.router.pursue();
  assert.equal(bench.take("b").length, 1);
  bench.router.down("b");
  assert.equal(bench.router.pursued, 0);
});

Deno.test("an open connection is provoked by a second SYN in turn, an opening one from afar", async () => {
  const bench = new Bench();
  await bench.connect("b");
  const syn = { to: VIPS.b, flags: SYN, fromPort: 40001, seq: 3000 };
  await bench.send("a", packetFrame(syn));
  bench.clear();
  bench.router.swap(under("deny a -> b"));
  bench.router.pursue();
  const sent = bench.got.b!.map(({ payload }) => [
    readUint16(payload, 20),
    readUint32(payload, 24),
  ]);
  const far = (3001 + 2 ** 31) >>> 0;
  assert.deepEqual(sent, [[40000, 1000], [40001, 3000], [40000, 1000], [40001, far]]);
  assert.deepEqual(bench.got.b!.map(flagsIn), [ACK, ACK, SYN | ACK, ACK]);
});

Deno.test("the counts of a rule go on when the rules around it change", async () => {
  const bench = new Bench(under("deny a -> b : 80"));
  const syn = (spec: PacketSpec = {}) => packetFrame({ to: VIPS.b, flags: SYN, ...spec });
  await bench.send("a", syn());
  bench.router.swap(under("allow a -> b : 81", "deny a -> b : 80"));
  await bench.send("a", syn({ fromPort: 40001 }));
  await bench.send("a", syn({ toPort: 81 }));
  const counts = bench.router.status().policy.map((
    { denied, allowed },
  ) => [denied, allowed]);
  assert.deepEqual(counts, [[0, 1], [2, 0]]);
  bench.router.swap(PLAIN);
  assert.deepEqual(bench.router.status().policy, []);
  assert.equal(bench.denials[0]!.frame.bytes.length, HEADER_BYTES + 40);
});
