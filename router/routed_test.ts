// Connections to addresses behind hosts: who may send for them, and how they end.
import assert from "node:assert/strict";
import { encodeFrame, Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import { parseIpv4, Protocol, TcpFlag } from "../wire/ip/ipv4.ts";
import { Unreachable } from "../wire/ip/icmp.ts";
import { back, flagsIn, FOREIGN, icmpIn, out, TwoBastions } from "./_mesh.ts";
import { batchesOf, packet, packetFrame, type PacketSpec } from "./_test_packets.ts";
import { police, policeCounters } from "./police.ts";
import { resetOf, unreachableOf } from "./refusal.ts";

const { SYN, ACK, RST } = TcpFlag;

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
