import assert from "node:assert/strict";
import type { Frame } from "../wire/frame.ts";
import { HEADER_BYTES } from "../wire/frame.ts";
import { destinationOf, formatIpv4, parseIpv4, Protocol, TcpFlag } from "../wire/ipv4.ts";
import {
  batchesOf,
  controlFrame,
  packet,
  packetFrame,
  type PacketSpec,
} from "./_test_packets.ts";
import { LinkQueue } from "./queue.ts";
import { decide, type Decision, type HostState, Router } from "./route.ts";
import { RoutingTable } from "./table.ts";

const { SYN, ACK, RST } = TcpFlag;
const [LOCAL, WEB] = ["127.0.42.100", "127.0.42.101"];

/** A mesh of local, which is up, and web, which is as it is made. */
function mesh(waitingBytes?: number) {
  const table = new RoutingTable([
    { name: "local", vip: parseIpv4(LOCAL)! },
    { name: "web", vip: parseIpv4(WEB)! },
  ]);
  const now = () => 0;
  const router = new Router(
    table,
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
  const cases: [HostState | undefined, PacketSpec, Decision][] = [
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

Deno.test("a SYN to a host that is down comes back as a reset", () => {
  const { router, local } = mesh();
  assert.equal(router.state("web"), "down");
  router.forward("local", packetFrame({ flags: SYN }));
  assert.deepEqual(local.map(flagsIn), [RST | ACK]);
  assert.equal(formatIpv4(destinationOf(local[0]!.bytes, HEADER_BYTES)), LOCAL);
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
  assert.equal(flagsIn(local[0]!), RST | ACK);
  assert.deepEqual(icmpIn(local[1]!), [3, 1]);
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

Deno.test("a SYN that leads nowhere gets network unreachable, what is not TCP is dropped", () => {
  const { router, local } = mesh();
  router.forward("local", packetFrame({ to: "10.0.0.1", flags: SYN }));
  router.forward("local", packetFrame({ to: "10.0.0.1", protocol: Protocol.UDP }));
  assert.deepEqual(local.map(icmpIn), [[3, 0]]);
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
