/** Captures of a router at work: which packets, on which interface, and what became of them. */
import assert from "node:assert/strict";
import { type Frame, HEADER_BYTES } from "../../wire/frame.ts";
import { parseIpv4, readUint16, TcpFlag } from "../../wire/ip/ipv4.ts";
import { BlockType } from "../../wire/pcapng.ts";
import { WholeBlocks } from "../../wire/pcapng_blocks.ts";
import { inWords, mesh, rules } from "../_mesh.ts";
import { batchesOf, packetFrame, type PacketSpec } from "../_test_packets.ts";
import { carry } from "../pipeline.ts";
import { policeCounters } from "../police.ts";
import { policy } from "../policy/_rules.ts";
import { Router } from "../route.ts";
import { Capture, type CaptureOptions } from "./capture.ts";
import { FlowFilter } from "./flow_filter.ts";
import { Watching } from "./watch.ts";

const { SYN, ACK } = TcpFlag;
const VIPS = { a: "127.0.42.100", b: "127.0.42.101", c: "127.0.42.102" };
const HOSTS = Object.entries(VIPS).map(([name, vip]) => ({ name, vip: parseIpv4(vip)! }));

/** A block of a packet, read again. */
interface Read {
  readonly index: number;
  readonly inbound: boolean;
  readonly packet: Uint8Array;
  readonly original: number;
  readonly dropped: number;
  readonly comment: string;
}

/** All that a capture has, up to its end. */
async function fileOf(capture: Capture): Promise<Uint8Array> {
  capture.end();
  const pieces: number[] = [];
  for (;;) {
    const bytes = await capture.next();
    if (!bytes) return new Uint8Array(pieces);
    for (const byte of bytes) pieces.push(byte);
  }
}

function read(file: Uint8Array): { names: string[]; packets: Read[]; types: number[] } {
  const view = new DataView(file.buffer);
  const [names, packets, types] = [[], [], []] as [string[], Read[], number[]];
  for (let at = 0; at < file.length; at += view.getUint32(at + 4, true)) {
    const type = view.getUint32(at, true);
    const end = at + view.getUint32(at + 4, true) - 4;
    assert.equal(view.getUint32(end, true), end - at + 4, "both lengths are the same");
    types.push(type);
    if (type === BlockType.INTERFACE) names.push(optionsOf(at + 16, end).text(2));
    if (type !== BlockType.PACKET) continue;
    const kept = view.getUint32(at + 20, true);
    const options = optionsOf(at + 28 + (kept + 3 & ~3), end);
    packets.push({
      index: view.getUint32(at + 8, true),
      inbound: options.byte(2) === 1,
      packet: file.slice(at + 28, at + 28 + kept),
      original: view.getUint32(at + 24, true),
      dropped: options.byte(4),
      comment: options.text(1),
    });
  }
  return { names, packets, types };

  function optionsOf(at: number, end: number) {
    const found = new Map<number, Uint8Array>();
    while (at < end && view.getUint16(at, true) !== 0) {
      const length = view.getUint16(at + 2, true);
      found.set(view.getUint16(at, true), file.subarray(at + 4, at + 4 + length));
      at += 4 + (length + 3 & ~3);
    }
    return {
      text: (code: number) => new TextDecoder().decode(found.get(code)),
      byte: (code: number) => found.get(code)?.[0] ?? 0,
    };
  }
}

/** A router of a and b, which are up, and of c, which is down; and captures there. */
class Bench {
  readonly router: Router;
  readonly got: Record<string, Frame[]> = {};
  readonly watching: Watching;

  constructor(texts: readonly string[] = []) {
    const first = rules(VIPS, [["b", "10.0.0.0/8"]]);
    this.router = new Router({ ...first, policy: policy(...texts) }, { now: () => 0 });
    this.watching = new Watching((around) => this.router.watch(around));
    for (const host of ["a", "b"]) {
      const got: Frame[] = this.got[host] = [];
      this.router.up(host, { push: (frame) => got.push(frame) });
    }
  }

  capture(options: Partial<CaptureOptions> = {}): Capture {
    let now = 1n;
    const capture: Capture = new Capture(HOSTS, {
      now: () => now++,
      application: "test",
      system: "none",
      comment: "",
      onEnd: () => this.watching.remove(capture),
      ...options,
    });
    this.watching.add(capture);
    return capture;
  }

  send(from: keyof typeof VIPS, ...specs: PacketSpec[]): Promise<void> {
    const frames = specs.map((spec) => packetFrame({ from: VIPS[from], ...spec }));
    const options = { from, counters: policeCounters(), onControl: () => {} };
    return carry(this.router, batchesOf(frames), options);
  }
}

/** Each packet in words: interface, direction, flags, and what became of it. */
async function told(capture: Capture): Promise<string[]> {
  const { names, packets } = read(await fileOf(capture));
  return packets.map(({ index, inbound, packet, comment }) => {
    const what = packet[9] === 6
      ? inWords({ payload: packet } as Frame).split(" ")[0]
      : "ICMP";
    const said = comment && `: ${comment}`;
    return `${names[index]} ${inbound ? "in" : "out"} ${what}${said}`;
  });
}

const toB: PacketSpec = { to: VIPS.b, flags: SYN };
const toA: PacketSpec = { to: VIPS.a, flags: SYN | ACK };

Deno.test("a packet stands once, on the interface of the host that it came from", async () => {
  const bench = new Bench();
  const capture = bench.capture();
  await bench.send("a", toB);
  await bench.send("b", toA);
  assert.deepEqual(await told(capture), ["a in SYN", "b in SYN+ACK"]);
  assert.equal(bench.got.b!.length, 1, "and goes on");
});

Deno.test("of one host those from it are inbound, and those to it outbound", async () => {
  const bench = new Bench();
  const capture = bench.capture({ hosts: new Set(["b"]) });
  await bench.send("a", toB, { to: VIPS.c, flags: SYN });
  await bench.send("b", toA);
  const file = await fileOf(capture);
  const { names, packets } = read(file);
  assert.deepEqual(names, ["b"]);
  assert.deepEqual(packets.map(({ inbound }) => inbound), [false, true]);
});

Deno.test("a pipeline that already waits for its batch shows it to a new capture", async () => {
  const bench = new Bench();
  const { promise: frames, resolve } = Promise.withResolvers<Frame[]>();
  const batches = (async function* () {
    yield await frames;
  })();
  const options = { from: "a", counters: policeCounters(), onControl: () => {} };
  const running = carry(bench.router, batches, options);
  const capture = bench.capture();
  resolve([packetFrame(toB)]);
  await running;
  assert.deepEqual(await told(capture), ["a in SYN"]);
});

Deno.test("what is not delivered says why, and the router's answers stand behind it", async () => {
  const bench = new Bench(["deny a -> 10.0.0.0/8"]);
  const capture = bench.capture();
  await bench.send("a", { to: VIPS.c, flags: SYN });
  await bench.send("a", { to: "192.0.2.1", flags: SYN });
  await bench.send("a", { to: "10.1.2.3", flags: SYN });
  await bench.send("a", { from: VIPS.b, to: VIPS.a });
  bench.router.starting("c");
  await bench.send("a", { to: VIPS.c, flags: SYN });
  bench.router.away("b");
  await bench.send("a", { to: VIPS.b });
  const answers = ["a out ICMP: said by the router", "a out RST+ACK: said by the router"];
  assert.deepEqual(await told(capture), [
    'a in SYN: refused: "c" is down',
    ...answers,
    "a in SYN: dropped: it leads nowhere",
    ...answers,
    'a in SYN: denied by the rule at mesh.yaml:1:5: it was for "b"',
    ...answers,
    "a in ACK: dropped: its sender may not send in the name of this address",
    'a in SYN: waits for "c", which is starting',
    'a in ACK: dropped: "b" is away',
  ]);
});

Deno.test("other rules keep the capture, and a host that comes is an interface", async () => {
  const bench = new Bench();
  const capture = bench.capture();
  bench.router.swap(rules({ ...VIPS, d: "127.0.42.150" }));
  bench.router.up("d", { push: () => {} });
  await bench.send("a", { to: "127.0.42.150", flags: SYN });
  const spec = packetFrame({ from: "127.0.42.150", to: VIPS.a });
  const options = { from: "d", counters: policeCounters(), onControl: () => {} };
  await carry(bench.router, batchesOf([spec]), options);
  const { names, packets, types } = read(await fileOf(capture));
  assert.deepEqual(names, ["a", "b", "c", "d"]);
  assert.deepEqual(packets.map(({ index }) => index), [0, 3]);
  const named = types.filter((type) => type === BlockType.NAMES).length;
  assert.equal(named, 2, "its name comes with it");
});

Deno.test("of a packet the beginning is kept, and its length", async () => {
  const bench = new Bench();
  const capture = bench.capture({ snaplen: 30 });
  await bench.send("a", { to: VIPS.b, data: 1000 });
  const { packets: [packet] } = read(await fileOf(capture));
  assert.deepEqual([packet!.packet.length, packet!.original], [30, 1040]);
  assert.equal(readUint16(bench.got.b![0]!.bytes, HEADER_BYTES + 2), 1040);
});

Deno.test("it ends by itself after so many packets, and then nobody looks on", async () => {
  const bench = new Bench();
  const capture = bench.capture({ count: 2 });
  await bench.send("a", toB, toB, toB);
  assert.equal(bench.watching.size, 0);
  assert.equal((await told(capture)).length, 2);
});

Deno.test("packets that find no room are dropped, told by the next, and counted", async () => {
  const bench = new Bench();
  const capture = bench.capture({ waitingBytes: 3000 });
  const flood = Array.from({ length: 50 }, () => ({ to: VIPS.b, data: 400 }));
  await bench.send("a", ...flood);
  assert.equal(bench.got.b!.length, 50, "all of them were delivered");
  const pieces = [await capture.next()];
  await bench.send("a", toB);
  const rest = await fileOf(capture);
  const file = new Uint8Array(pieces[0]!.length + rest.length);
  file.set(pieces[0]!);
  file.set(rest, pieces[0]!.length);
  const { packets } = read(file);
  const last = packets.at(-1)!;
  assert.ok(packets.length < 10);
  assert.equal(last.dropped, 51 - packets.length);
  const blocks = new WholeBlocks();
  blocks.take(file);
  const { dropped } = last;
  assert.deepEqual([blocks.packets, blocks.dropped], [51 - dropped, dropped]);
});

Deno.test("packets of other flows are counted and not kept", async () => {
  const bench = new Bench();
  const flows = [
    FlowFilter.parse(`${VIPS.a} -> ${VIPS.b}:80`, () => 0),
    FlowFilter.parse(`icmp:* -> *`, () => 0),
  ];
  const capture = bench.capture({ flows });
  await bench.send("a", toB, { ...toB, toPort: 81 }, { to: VIPS.c, flags: SYN });
  await bench.send("b", { ...toA, fromPort: 80, toPort: 40000 });
  assert.deepEqual(await told(capture), [
    "a in SYN",
    "a out ICMP: said by the router",
    "b in SYN+ACK",
  ]);
});

Deno.test("several captures see the same, and the last takes the watch out", async () => {
  const seen: boolean[] = [];
  const { router, web, toWeb } = mesh();
  router.up("web", toWeb);
  const watching = new Watching((around) => {
    seen.push(around !== undefined);
    router.watch(around);
  });
  const onlookers = [{ see: () => count++ }, { see: () => count++ }];
  let count = 0;
  const run = () => {
    const options = { from: "local", counters: policeCounters(), onControl: () => {} };
    return carry(router, batchesOf([packetFrame()]), options);
  };
  for (const onlooker of onlookers) watching.add(onlooker);
  await run();
  assert.equal(count, 2);
  for (const onlooker of onlookers) watching.remove(onlooker);
  await run();
  assert.deepEqual([count, web.length], [2, 2]);
  assert.deepEqual(seen, [true, true, true, false]);
});

Deno.test("resets that no packet asked for are seen too", async () => {
  const bench = new Bench();
  await bench.send("a", { to: "10.1.2.3", flags: SYN });
  const capture = bench.capture();
  bench.router.down("b");
  assert.deepEqual(await told(capture), ["a out RST+ACK: said by the router"]);
});

Deno.test("while nothing comes, a count does", async () => {
  const bench = new Bench();
  const capture = bench.capture();
  await capture.next();
  const next = capture.next();
  capture.beat();
  const { types } = read((await next)!.slice());
  assert.deepEqual(types, [BlockType.STATISTICS]);
});
