// What becomes of packets for hosts that are up, starting, down or unknown.
import assert from "node:assert/strict";
import { HEADER_BYTES } from "../wire/frame.ts";
import { destinationOf, formatIpv4, Protocol, TcpFlag } from "../wire/ip/ipv4.ts";
import { LinkQueue } from "../link/queue/queue.ts";
import { flagsIn, icmpIn, inWords, LOCAL, mesh, WEB } from "./_mesh.ts";
import { packet, packetFrame, type PacketSpec } from "./_test_packets.ts";
import { decide, type Decision } from "./delivery.ts";
import type { Presence } from "./members.ts";

const { SYN, ACK, RST } = TcpFlag;

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

Deno.test("a link queue is a port", () => {
  const { router } = mesh();
  const queue = new LinkQueue();
  router.up("web", queue);
  router.forward("local", packetFrame());
  assert.equal(queue.length, 1);
});
