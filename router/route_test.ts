import assert from "node:assert/strict";
import { encodeFrame, Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import {
  destinationOf,
  formatIpv4,
  parseCidr,
  parseIpv4,
  Protocol,
  readUint16,
  readUint32,
  TcpFlag,
} from "../wire/ip/ipv4.ts";
import {
  batchesOf,
  controlFrame,
  hasValidChecksums,
  packet,
  packetFrame,
  type PacketSpec,
} from "./_test_packets.ts";
import { police, policeCounters } from "./police.ts";
import { LinkQueue } from "../link/queue/queue.ts";
import { resetOf, unreachableOf } from "./refusal.ts";
import { Unreachable } from "../wire/ip/icmp.ts";
import { decide, type Decision } from "./delivery.ts";
import type { Presence } from "./members.ts";
import type { RouterRules } from "./plan.ts";
import { Router } from "./route.ts";

const { SYN, ACK, RST } = TcpFlag;
const [LOCAL, WEB] = ["127.0.42.100", "127.0.42.101"];

/** Rules of hosts, and of routes to ranges behind some of them. */
function rules(
  hosts: Readonly<Record<string, string>>,
  routes: readonly [via: string, ...ranges: string[]][] = [],
): RouterRules {
  return {
    version: 1,
    hosts: Object.entries(hosts).map(([name, vip]) => ({ name, vip: parseIpv4(vip)! })),
    routes: routes.map(([via, ...ranges]) => ({
      via,
      cidrs: ranges.map((text) => parseCidr(text)!),
      globs: [],
      notCidrs: [],
      notGlobs: [],
    })),
  };
}

/** A mesh of local, which is up, and web, which is as it is made. */
function mesh(waitingBytes?: number) {
  const now = () => 0;
  const router = new Router(
    rules({ local: LOCAL, web: WEB }),
    waitingBytes === undefined ? { now } : { now, waitingBytes },
  );
  const local: Frame[] = [];
  const web: Frame[] = [];
  router.up("local", { push: (frame) => local.push(frame) });
  const toWeb = { push: (frame: Frame) => web.push(frame) };
  return { router, local, web, toWeb };
}

const flagsIn = (frame: Frame) => frame.payload[33];
const icmpIn = (frame: Frame) => Array.from(frame.payload.slice(20, 22));

Deno.test("each packet meets its decision", () => {
  const syn: PacketSpec = { flags: SYN };
  const data: PacketSpec = { flags: ACK, data: 10 };
  const udp: PacketSpec = { protocol: Protocol.UDP };
  const cases: [Presence | undefined, PacketSpec, Decision][] = [
    ["up", syn, "deliver"],
    ["up", data, "deliver"],
    ["up", udp, "deliver"],
    ["starting", syn, "wait"],
    ["starting", udp, "wait"],
    ["starting", data, "refuse"],
    ["starting", { flags: SYN | ACK }, "refuse"],
    ["down", syn, "refuse"],
    ["down", data, "refuse"],
    ["down", udp, "refuse"],
    [undefined, syn, "unreachable"],
    [undefined, data, "drop"],
    [undefined, udp, "drop"],
  ];
  for (const [state, spec, wanted] of cases) {
    assert.equal(decide(state, packet(spec)), wanted, `${state} ${JSON.stringify(spec)}`);
  }
});

Deno.test("a packet for a host that is up goes to its port as it is", () => {
  const { router, web, toWeb } = mesh();
  router.up("web", toWeb);
  const frame = packetFrame();
  router.forward("local", frame);
  assert.equal(web[0], frame);
  assert.equal(router.counters.delivered, 1);
});

Deno.test("a SYN to a host that is down gets host unreachable and then a reset", () => {
  const { router, local } = mesh();
  assert.equal(router.state("web"), "down");
  router.forward("local", packetFrame({ flags: SYN }));
  assert.equal(local.length, 2);
  assert.deepEqual(icmpIn(local[0]!), [3, 1]);
  assert.equal(flagsIn(local[1]!), RST | ACK);
  for (const { bytes } of local) {
    assert.equal(formatIpv4(destinationOf(bytes, HEADER_BYTES)), LOCAL);
  }
  assert.equal(router.counters.refused, 1);
});

Deno.test("a connection to a host that went down is reset by its next segment", () => {
  const { router, local, web, toWeb } = mesh();
  router.up("web", toWeb);
  router.forward("local", packetFrame());
  router.down("web");
  router.forward("local", packetFrame({ data: 5 }));
  assert.deepEqual([web.length, local.map(flagsIn)], [1, [RST]]);
});

Deno.test("a SYN to a host that is starting waits and is delivered in order", () => {
  const { router, local, web, toWeb } = mesh();
  router.starting("web");
  const frames = [1, 2, 3].map((seq) => packetFrame({ flags: SYN, seq }));
  for (const frame of frames) router.forward("local", frame);
  assert.deepEqual([web, local, router.counters.waited], [[], [], 3]);
  router.up("web", toWeb);
  assert.deepEqual(web, frames);
  assert.notEqual(web[0]!.bytes.buffer, frames[0]!.bytes.buffer); // its chunk is not pinned
  router.up("web", toWeb);
  assert.equal(web.length, 3);
});

Deno.test("what waits is refused when the host goes down", () => {
  const { router, local, web, toWeb } = mesh();
  router.starting("web");
  router.forward("local", packetFrame({ flags: SYN }));
  router.forward("local", packetFrame({ protocol: Protocol.UDP }));
  router.down("web");
  assert.deepEqual(icmpIn(local[0]!), [3, 1]);
  assert.equal(flagsIn(local[1]!), RST | ACK);
  assert.deepEqual(icmpIn(local[2]!), [3, 1]);
  router.up("web", toWeb);
  assert.deepEqual(web, []);
});

Deno.test("only so much waits, the rest is dropped and counted", () => {
  const { router, web, toWeb } = mesh(1000);
  router.starting("web");
  for (let seq = 0; seq < 10; seq++) {
    router.forward("local", packetFrame({ flags: SYN, seq }));
  }
  assert.deepEqual([router.counters.waited, router.counters.overflowed], [3, 7]);
  router.up("web", toWeb);
  assert.equal(web.length, 3);
});

Deno.test("a SYN that leads nowhere gets network unreachable and then a reset", () => {
  const { router, local } = mesh();
  router.forward("local", packetFrame({ to: "10.0.0.1", flags: SYN }));
  assert.equal(local.length, 2);
  assert.deepEqual(icmpIn(local[0]!), [3, 0]);
  assert.equal(
    inWords(local[1]!),
    "RST+ACK 10.0.0.1:80 > 127.0.42.100:40000 seq 0 ack 1001",
  );
  assert.equal(router.counters.unroutable, 1);
});

Deno.test("what leads nowhere and is no SYN is dropped", () => {
  const { router, local } = mesh();
  router.forward("local", packetFrame({ to: "10.0.0.1", protocol: Protocol.UDP }));
  router.forward("local", packetFrame({ to: "10.0.0.1", flags: SYN, fragment: 0x2000 }));
  assert.deepEqual(local, []);
  assert.equal(router.counters.unroutable, 2);
});

Deno.test("answers to a host that is itself not up are dropped", () => {
  const { router, local } = mesh();
  router.forward("web", packetFrame({ from: WEB, to: "10.0.0.1", flags: SYN }));
  assert.deepEqual(local, []);
});

Deno.test("packets are forwarded and control frames handed over, in order", async () => {
  const { router, web, toWeb } = mesh();
  router.up("web", toWeb);
  const control = [controlFrame('{"a":1}'), controlFrame('{"b":2}')];
  const seen: Frame[] = [];
  await router.run(
    "local",
    batchesOf([control[0]!, packetFrame(), control[1]!], [packetFrame()]),
    (frame) => seen.push(frame),
  );
  assert.deepEqual([seen, web.length], [control, 2]);
});

Deno.test("a control frame that cannot be handled ends the pipeline", async () => {
  const { router } = mesh();
  const running = router.run("local", batchesOf([controlFrame()]), () => {
    throw new Error("not a control message");
  });
  await assert.rejects(running, { message: "not a control message" });
});

Deno.test("a link queue is a port", () => {
  const { router } = mesh();
  const queue = new LinkQueue();
  router.up("web", queue);
  router.forward("local", packetFrame());
  assert.equal(queue.length, 1);
});

/** A mesh of a and d, and of b and c that serve the same range; all are up. */
class TwoBastions {
  static readonly vips = {
    a: "127.0.42.100",
    b: "127.0.42.101",
    c: "127.0.42.102",
    d: "127.0.42.103",
  };
  now = 0;
  readonly router: Router;
  readonly got: Record<string, Frame[]> = {};

  constructor(flows?: number) {
    const ranges = ["10.0.0.0/8", "127.0.0.0/8"];
    const routes = rules(TwoBastions.vips, [["b", ...ranges], ["c", ...ranges]]);
    this.router = new Router(routes, {
      now: () => this.now,
      ...(flows !== undefined && { flows }),
    });
    for (const host of Object.keys(TwoBastions.vips)) this.up(host);
  }

  up(host: string): void {
    const got: Frame[] = this.got[host] = [];
    this.router.up(host, { push: (frame) => got.push(frame) });
  }

  /** The agent of a host says that it knows the foreign address behind `via`. */
  suggest(from: string, via: "b" | "c"): void {
    const vip = parseIpv4(TwoBastions.vips[via])!;
    assert.equal(this.router.learn(from, [parseIpv4(FOREIGN)!], vip), 1);
  }

  /** Forwards a packet of `from`, if it is admitted. */
  pass(from: string, frame: Frame): boolean {
    const isAdmitted = this.router.admits(from, frame.bytes, HEADER_BYTES);
    if (isAdmitted) this.router.forward(from, frame);
    else this.router.disown(from, frame);
    return isAdmitted;
  }

  /** Opens a connection of a through `via`, and has it answered; the port tells it apart. */
  connect(via: "b" | "c", fromPort = 40000, data = 0): void {
    this.suggest("a", via);
    assert.ok(this.pass("a", out({ flags: SYN, seq: 1000, fromPort })));
    const answer = { flags: SYN | ACK, seq: 5000, ack: 1001, fromPort };
    assert.ok(this.pass(via, back(answer)));
    assert.ok(this.pass("a", out({ seq: 1001, ack: 5001, fromPort, data })));
    this.clear();
  }

  /** Forgets what arrived so far. */
  clear(): void {
    for (const frames of Object.values(this.got)) frames.length = 0;
  }

  /** What arrived at each host, in words. */
  seen(): Record<string, string[]> {
    return Object.fromEntries(
      Object.entries(this.got).filter(([, frames]) => frames.length > 0).map((
        [host, frames],
      ) => [host, frames.map(inWords)]),
    );
  }
}

const FOREIGN = "10.1.2.3";
const out = (spec: PacketSpec = {}) => packetFrame({ to: FOREIGN, ...spec });
const back = ({ fromPort = 40000, toPort = 80, ...spec }: PacketSpec = {}) =>
  packetFrame({
    from: FOREIGN,
    to: TwoBastions.vips.a,
    fromPort: toPort,
    toPort: fromPort,
    ...spec,
  });

/** A packet whose checksums are right if it is one of the router's. */
function inWords({ payload }: Frame): string {
  if (payload[9] !== Protocol.TCP) return `protocol ${payload[9]}`;
  const flags = payload[33]!;
  const [from, to] = [readUint32(payload, 12), readUint32(payload, 16)].map(formatIpv4);
  const ports = [readUint16(payload, 20), readUint16(payload, 22)];
  const names = Object.entries(TcpFlag).filter(([, bit]) => flags & bit);
  if (flags & RST) assert.ok(hasValidChecksums(payload));
  return `${names.map(([name]) => name).join("+")} ${from}:${ports[0]} > ${to}:${
    ports[1]
  } seq ${readUint32(payload, 24)} ack ${readUint32(payload, 28)}`;
}

Deno.test("a routed connection stays with the host that its SYN went to", () => {
  const mesh = new TwoBastions();
  const { got } = mesh;
  mesh.suggest("a", "b");
  mesh.pass("a", out({ flags: SYN }));
  mesh.suggest("a", "c");
  mesh.pass("a", out({ flags: SYN })); // again, since no answer came
  assert.deepEqual([got.b!.length, got.c!.length], [2, 0]);
  mesh.pass("b", back({ flags: SYN | ACK }));
  mesh.pass("a", out({ flags: SYN }));
  mesh.pass("a", out({ data: 3 }));
  assert.deepEqual([got.a!.length, got.b!.length, got.c!.length], [1, 4, 0]);
  mesh.pass("a", out({ flags: SYN, fromPort: 40001 }));
  mesh.pass("a", out({ flags: ACK, fromPort: 40001 }));
  assert.deepEqual([got.b!.length, got.c!.length], [4, 2]);
});

Deno.test("a port used again is decided anew, and the host left out is told", () => {
  const mesh = new TwoBastions();
  mesh.connect("b", 40000, 7);
  mesh.pass("a", out({ flags: SYN, seq: 9000 }));
  assert.deepEqual(
    [mesh.got.b!.length, mesh.got.c!.length],
    [1, 0],
    "it still leads to b",
  );
  mesh.pass("b", back({ seq: 1, ack: 9001 }));
  mesh.suggest("a", "c");
  mesh.clear();
  mesh.pass("a", out({ flags: SYN, seq: 77, ack: 0 }));
  assert.deepEqual(mesh.seen(), {
    b: ["RST 127.0.42.100:40000 > 10.1.2.3:80 seq 9001 ack 0"],
    c: ["SYN 127.0.42.100:40000 > 10.1.2.3:80 seq 77 ack 0"],
  });
});

Deno.test("a segment of no routed connection gets the reset of a host without it", () => {
  const mesh = new TwoBastions();
  mesh.pass("a", out({ ack: 345, data: 9 }));
  mesh.pass("a", out({ flags: RST }));
  mesh.pass("a", out({ fragment: 0x2000 }));
  assert.deepEqual(mesh.seen(), {
    a: ["RST 10.1.2.3:80 > 127.0.42.100:40000 seq 345 ack 0"],
  });
  assert.deepEqual([mesh.router.counters.refused, mesh.router.counters.unroutable], [
    2,
    1,
  ]);
});

Deno.test("a host may send from its VIP and for flows bound to it, nothing else", () => {
  const mesh = new TwoBastions();
  const { vips } = TwoBastions;
  mesh.connect("b");
  const icmp = (spec: PacketSpec, type: number) => {
    const bytes = packet({ protocol: Protocol.ICMP, ...spec });
    bytes[20] = type;
    return bytes;
  };
  /** The refusal of a SYN of a, as if `from` had sent it. */
  const unreachable = (from: string, spec: PacketSpec = {}) => {
    const syn = packet({ to: FOREIGN, flags: SYN, ...spec });
    const bytes = unreachableOf(syn, Unreachable.HOST)!.payload;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(12, parseIpv4(from)!);
    return bytes;
  };
  const udp = (spec: PacketSpec) => packet({ protocol: Protocol.UDP, ...spec });
  const cases: [string, string, Uint8Array, boolean][] = [
    ["its VIP", "b", packet({ from: vips.b }), true],
    ["another's VIP", "b", packet({ from: vips.d }), false],
    ["another's VIP, although it dials for others", "b", udp({ from: vips.d }), false],
    ["an answer of its flow", "b", back().payload, true],
    ["the same from the other bastion", "c", back().payload, false],
    ["the same from who opened it", "a", back().payload, false],
    ["the same to another host", "b", back({ to: vips.d }).payload, false],
    ["of another foreign port", "b", back({ toPort: 81 }).payload, false],
    ["of another port of the host", "b", back({ fromPort: 4 }).payload, false],
    ["of another foreign address", "b", back({ from: "10.1.2.4" }).payload, false],
    ["a SYN of its own", "b", back({ fromPort: 4, flags: SYN }).payload, false],
    ["a piece of an answer", "b", back({ fragment: 0x2000 }).payload, false],
    ["the answer from a VIP", "d", unreachable(vips.d), true],
    ["why it failed", "b", unreachable(FOREIGN), true],
    ["why it failed, by a router on the way", "b", unreachable("192.168.1.1"), true],
    ["why it failed, from the other bastion", "c", unreachable(FOREIGN), false],
    ["why what nobody tried failed", "b", unreachable(FOREIGN, { toPort: 81 }), false],
    [
      "why what another host tried failed",
      "b",
      unreachable(FOREIGN, { from: vips.d }),
      false,
    ],
    ["an ICMP error in pieces", "b", icmp({ from: FOREIGN, fragment: 0x2000 }, 0), false],
    ["an ICMP echo reply from its range", "b", icmp({ from: FOREIGN }, 0), true],
    ["one from elsewhere", "b", icmp({ from: "8.8.8.8" }, 0), false],
    ["UDP from its range", "b", udp({ from: FOREIGN }), true],
    ["UDP from the range of both", "c", udp({ from: FOREIGN }), true],
    ["UDP from elsewhere", "b", udp({ from: "8.8.8.8" }), false],
    ["UDP from that range by a host without", "d", udp({ from: FOREIGN }), false],
    ["a stranger", "stranger", packet(), false],
  ];
  for (const [name, host, bytes, wanted] of cases) {
    assert.equal(mesh.router.admits(host, bytes), wanted, name);
  }
});

Deno.test("a host that dials for others is told about a connection that is over", () => {
  const mesh = new TwoBastions();
  assert.equal(mesh.pass("b", back({ seq: 3, ack: 8 })), false);
  assert.equal(mesh.pass("b", back({ flags: RST })), false);
  assert.equal(mesh.pass("b", packetFrame({ from: TwoBastions.vips.d })), false);
  assert.equal(mesh.pass("d", back()), false);
  assert.deepEqual(mesh.seen(), {
    b: ["RST 127.0.42.100:40000 > 10.1.2.3:80 seq 8 ack 0"],
  });
});

Deno.test("what follows a reset in the same batch is not delivered", async () => {
  const mesh = new TwoBastions();
  mesh.connect("b");
  const counters = policeCounters();
  const judge = police({ find: mesh.router.finder("b"), counters });
  const batch = [back({ data: 1 }), back({ flags: RST }), back({ ack: 99 })];
  await mesh.router.run("b", judge(batchesOf(batch)), () => {});
  assert.deepEqual([counters.ok, mesh.got.a!.length], [3, 2]);
  assert.deepEqual(mesh.got.b!.map(flagsIn), [RST]);
});

Deno.test("routed connections through a host that goes down are reset at once", () => {
  const mesh = new TwoBastions();
  mesh.connect("c", 40000);
  mesh.connect("b", 40001);
  mesh.pass("a", out({ seq: 1001, ack: 5999, fromPort: 40001 }));
  mesh.pass("a", out({ flags: SYN, seq: 700, fromPort: 40002 }));
  mesh.clear();
  mesh.router.down("b");
  assert.deepEqual(mesh.seen(), {
    a: [
      // In the place where it expects the next byte; and what acknowledges its SYN.
      "RST+ACK 10.1.2.3:80 > 127.0.42.100:40001 seq 5999 ack 1001",
      "RST+ACK 10.1.2.3:80 > 127.0.42.100:40002 seq 0 ack 701",
    ],
  });
  assert.equal(mesh.router.counters.aborted, 2);
  mesh.clear();
  mesh.pass("a", out({ ack: 6000, fromPort: 40001 }));
  assert.deepEqual(mesh.got.a!.map(flagsIn), [RST]);
  mesh.pass("a", out({ data: 1 }));
  assert.ok(mesh.pass("c", back()));
  assert.equal(
    mesh.got.c!.length,
    1,
    "the same address behind the other host is as before",
  );
});

Deno.test("when the host that opened a routed connection goes down, its other end goes", () => {
  const mesh = new TwoBastions();
  mesh.connect("b");
  mesh.pass("b", back({ seq: 5001, ack: 1234 }));
  mesh.clear();
  mesh.router.down("a");
  assert.deepEqual(mesh.seen(), {
    b: ["RST 127.0.42.100:40000 > 10.1.2.3:80 seq 1234 ack 0"],
  });
  assert.equal(mesh.pass("b", back()), false);
});

Deno.test("a SYN that waits for a host stays bound to it, and is refused once", () => {
  const mesh = new TwoBastions();
  mesh.router.starting("b");
  mesh.suggest("a", "b");
  mesh.pass("a", out({ flags: SYN, seq: 700 }));
  mesh.suggest("a", "c");
  mesh.up("b");
  assert.equal(mesh.got.b!.length, 1);
  assert.ok(mesh.pass("b", back({ flags: SYN | ACK })));

  mesh.router.starting("c");
  mesh.pass("a", out({ flags: SYN, seq: 800, fromPort: 40001 }));
  mesh.clear();
  mesh.router.down("c");
  assert.deepEqual(mesh.seen(), {
    a: ["RST+ACK 10.1.2.3:80 > 127.0.42.100:40001 seq 0 ack 801"],
  });
});

Deno.test("what waits is not delivered when its sender is gone", () => {
  const mesh = new TwoBastions();
  mesh.router.starting("c");
  mesh.pass("a", out({ flags: SYN }));
  mesh.pass("d", packetFrame({ from: TwoBastions.vips.d, to: TwoBastions.vips.c }));
  mesh.pass(
    "d",
    packetFrame({ from: TwoBastions.vips.d, to: TwoBastions.vips.c, flags: SYN }),
  );
  mesh.router.down("a");
  mesh.up("c");
  assert.deepEqual(mesh.seen().c?.map((text) => text.split(" ")[1]), [
    "127.0.42.103:40000",
  ]);
});

Deno.test("a SYN through a host that is down is refused, and bound to nothing", () => {
  const mesh = new TwoBastions();
  mesh.router.down("c");
  mesh.pass("a", out({ flags: SYN, seq: 700 }));
  assert.deepEqual(icmpIn(mesh.got.a!.shift()!), [3, 1]);
  assert.deepEqual(mesh.seen(), {
    a: ["RST+ACK 10.1.2.3:80 > 127.0.42.100:40000 seq 0 ack 701"],
  });
  mesh.suggest("a", "b");
  mesh.pass("a", out({ flags: SYN, seq: 700 }));
  assert.equal(mesh.got.b!.length, 1);
});

Deno.test("a refusal by ICMP ends what was not open yet, and nothing else", () => {
  const mesh = new TwoBastions();
  const syn = packet({ to: FOREIGN, flags: SYN });
  const refusal = unreachableOf(syn, Unreachable.HOST)!;
  const fromVip = new Frame(refusal.bytes.slice());
  fromVip.bytes.set([127, 0, 42, 102], HEADER_BYTES + 12);
  for (const frame of [refusal, fromVip]) {
    mesh.suggest("a", "c");
    mesh.pass("a", out({ flags: SYN }));
    mesh.suggest("a", "b");
    mesh.clear();
    assert.ok(mesh.pass("c", frame));
    assert.deepEqual(mesh.got.a, [frame]);
    mesh.pass("a", out({ flags: SYN }));
    assert.deepEqual(mesh.got.b!.length, 1, "the same SYN is decided anew");
    mesh.pass("b", back({ flags: RST | ACK }));
  }
  mesh.connect("c");
  assert.ok(mesh.pass("c", refusal));
  mesh.pass("a", out({ data: 1 }));
  assert.equal(mesh.got.c!.length, 1);
});

/** A mesh where a's SYN went through b, and what b says to it: why not, and a reset. */
function refused() {
  const mesh = new TwoBastions();
  mesh.suggest("a", "b");
  const syn = packet({ to: FOREIGN, flags: SYN, seq: 1000 });
  assert.ok(mesh.pass("a", encodeFrame(FrameType.L3, syn)));
  const reason = unreachableOf(syn, Unreachable.HOST)!;
  reason.bytes.set([127, 0, 42, 101], HEADER_BYTES + 12); // from b itself, as agents do
  const reset = resetOf(syn)!;
  mesh.clear();
  return { mesh, reason, reset };
}

Deno.test("the reset behind a refusal by ICMP gets through, and is not forged", async () => {
  for (const isOneBatch of [true, false]) {
    const { mesh, reason, reset } = refused();
    mesh.now = 20_000; // as long as a SYN may be held
    const counters = policeCounters();
    const judge = police({
      find: mesh.router.finder("b"),
      onForged: (frame) => mesh.router.disown("b", frame),
      counters,
    });
    const batches = isOneBatch ? [[reason, reset]] : [[reason], [reset]];
    await mesh.router.run("b", judge(batchesOf(...batches)), () => {});
    assert.deepEqual(mesh.got, { a: [reason, reset], b: [], c: [], d: [] });
    assert.deepEqual([counters.ok, counters.source], [2, 0]);
    assert.equal(mesh.router.counters.refused, 0);
    assert.equal(mesh.pass("b", reset), false, "one is enough");
  }
});

Deno.test("behind a refusal nothing but its reset gets through, and not for long", () => {
  const { mesh, reason, reset } = refused();
  mesh.pass("b", reason);
  mesh.clear();
  mesh.pass("b", back({ flags: SYN | ACK, ack: 1001 }));
  mesh.pass("b", back({ data: 5, ack: 1001 }));
  assert.equal(mesh.pass("c", reset), false);
  assert.deepEqual(mesh.seen(), {
    b: Array(2).fill("RST 127.0.42.100:40000 > 10.1.2.3:80 seq 1001 ack 0"),
  });
  mesh.now += 10_000;
  mesh.pass("a", out({ fromPort: 40001, flags: RST })); // time is asked for
  assert.equal(mesh.pass("b", reset), false);
});

Deno.test("a SYN whose refusal got lost half way is decided anew", () => {
  const { mesh, reason } = refused();
  mesh.pass("b", reason);
  mesh.suggest("a", "c");
  mesh.clear();
  mesh.pass("a", out({ flags: SYN, seq: 1000 }));
  assert.equal(mesh.got.c!.length, 1);
  assert.ok(mesh.pass("c", back({ flags: SYN | ACK, ack: 1001 })));
  assert.equal(mesh.got.a!.length, 1);
});

Deno.test("with too many routed connections the idlest is reset at both ends, and counted", () => {
  const mesh = new TwoBastions(2);
  mesh.connect("b", 40000);
  mesh.now++;
  mesh.connect("b", 40001);
  mesh.suggest("a", "c");
  mesh.pass("a", out({ flags: SYN, seq: 1, ack: 0, fromPort: 40002 }));
  assert.deepEqual(mesh.seen(), {
    a: ["RST+ACK 10.1.2.3:80 > 127.0.42.100:40000 seq 5001 ack 1001"],
    b: ["RST 127.0.42.100:40000 > 10.1.2.3:80 seq 1001 ack 0"],
    c: ["SYN 127.0.42.100:40002 > 10.1.2.3:80 seq 1 ack 0"],
  });
  const { evicted, aborted } = mesh.router.counters;
  assert.deepEqual({ evicted, aborted }, { evicted: 1, aborted: 1 });
});

Deno.test("a routed connection that is silent for a day is reset at both ends", () => {
  const mesh = new TwoBastions();
  mesh.connect("b");
  mesh.now = 24 * 3600_000;
  mesh.pass("a", out({ fromPort: 40001, flags: RST }));
  assert.deepEqual([mesh.got.a!.map(flagsIn), mesh.got.b!.map(flagsIn)], [
    [RST | ACK],
    [RST],
  ]);
  const { evicted, aborted } = mesh.router.counters;
  assert.deepEqual({ evicted, aborted }, { evicted: 0, aborted: 1 });
});

Deno.test("what is not TCP goes to foreign addresses, and comes back, by the table", () => {
  const mesh = new TwoBastions();
  mesh.pass("a", out({ protocol: Protocol.UDP }));
  assert.equal(mesh.got.c!.length, 1);
  mesh.suggest("a", "b");
  mesh.pass("a", out({ protocol: Protocol.ICMP }));
  assert.equal(mesh.got.b!.length, 1);
  assert.ok(mesh.pass("b", back({ protocol: Protocol.UDP })));
  assert.equal(mesh.got.a!.length, 1);
});

/** A pipeline whose batches are always there. */
async function* endless(
  batch: () => Frame[],
  until: () => boolean,
): AsyncGenerator<Frame[]> {
  while (!until()) yield batch();
}

Deno.test("a pipeline that always has work leaves others their turns, also within a batch", async () => {
  for (const kind of ["packets", "control"] as const) {
    let now = 0;
    let isHeld = true;
    const waiting: (() => void)[] = [];
    const router = new Router(rules({ rogue: LOCAL }), {
      now: () => now,
      pace: {
        now: () => now,
        rest: () =>
          isHeld ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(),
      },
    });
    let handled = 0;
    const work = () => {
      now += 0.01;
      handled++;
    };
    // Each packet costs ten microseconds, each batch a quarter of a second.
    router.up("rogue", { push: work });
    const frame = kind === "packets"
      ? packetFrame({ from: LOCAL, to: LOCAL })
      : controlFrame();
    let isOver = false;
    const running = router.run(
      "rogue",
      endless(() => Array.from({ length: 25_000 }, () => frame), () => isOver),
      work,
    );
    const turns: number[] = [];
    for (let i = 0; i < 20; i++) {
      // All microtasks run: whatever rests waits for us.
      await new Promise<void>((resolve) => setTimeout(resolve));
      turns.push(handled);
      handled = 0;
      waiting.shift()!();
    }
    assert.ok(Math.max(...turns) < 200, `${kind}: ${turns} pieces of work in a turn`);
    isOver = true;
    isHeld = false;
    await running;
  }
});
