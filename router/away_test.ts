// What becomes of packets and routed connections of a host that is away.
import assert from "node:assert/strict";
import { Protocol, TcpFlag } from "../wire/ip/ipv4.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { LinkQueue } from "../link/queue/queue.ts";
import {
  back,
  flagsIn,
  FOREIGN,
  icmpIn,
  inWords,
  out,
  rules,
  TwoBastions,
} from "./_mesh.ts";
import { LOCAL, WEB } from "./_mesh.ts";
import { packet, packetFrame } from "./_test_packets.ts";
import type { Frame } from "../wire/frame.ts";
import { decide } from "./delivery.ts";
import { Router } from "./route.ts";

const { SYN, ACK, RST, FIN } = TcpFlag;

/** Local, which is up, and web, which is away, under a clock. */
class Away {
  now = 0;
  readonly local: Frame[] = [];
  readonly web: Frame[] = [];
  readonly router = new Router(rules({ local: LOCAL, web: WEB }), {
    now: () => this.now,
  });

  constructor() {
    this.router.up("local", { push: (frame) => this.local.push(frame) });
    this.router.away("web");
  }

  back(): void {
    this.router.up("web", { push: (frame) => this.web.push(frame) });
  }
}

Deno.test("to a host that is away a SYN waits, and all else is dropped", () => {
  assert.equal(decide("away", packet({ flags: SYN })), "wait");
  assert.equal(decide("away", packet({ flags: ACK, data: 10 })), "drop");
  assert.equal(decide("away", packet({ flags: SYN | ACK })), "drop");
  assert.equal(decide("away", packet({ protocol: Protocol.UDP })), "drop");
});

Deno.test("what is dropped is counted, and nobody is answered", () => {
  const { router, local } = new Away();
  router.forward("local", packetFrame({ data: 5 }));
  router.forward("local", packetFrame({ protocol: Protocol.UDP }));
  assert.deepEqual(local, []);
  const { missed, unroutable, refused, delivered } = router.counters;
  assert.deepEqual([missed, unroutable, refused, delivered], [2, 0, 0, 0]);
});

Deno.test("what waited goes first when the host is back", () => {
  const bench = new Away();
  const frames = [1, 2].map((seq) => packetFrame({ flags: SYN, seq }));
  for (const frame of frames) bench.router.forward("local", frame);
  bench.back();
  const later = packetFrame();
  bench.router.forward("local", later);
  assert.deepEqual(bench.web, [...frames, later]);
  assert.deepEqual(bench.local, []);
});

Deno.test("a SYN waits for so long and no longer, and each for itself", () => {
  const bench = new Away();
  const { router, local } = bench;
  router.forward("local", packetFrame({ flags: SYN, fromPort: 1 }));
  bench.now = 6000;
  router.forward("local", packetFrame({ flags: SYN, fromPort: 2 }));
  bench.now = 9999;
  router.expire("web", 10_000);
  assert.deepEqual(local, []);
  bench.now = 10_000;
  router.expire("web", 10_000);
  assert.deepEqual([icmpIn(local[0]!), flagsIn(local[1]!)], [[3, 1], RST | ACK]);
  assert.equal(local.length, 2);
  bench.back();
  assert.equal(bench.web.length, 1, "the other one still waited");
});

Deno.test("room that was waited for in vain is room for others", () => {
  const router = new Router(rules({ local: LOCAL, web: WEB }), {
    now: () => 0,
    waitingBytes: 1000,
  });
  router.up("local", new LinkQueue());
  router.away("web");
  for (let round = 1; round <= 3; round++) {
    for (let seq = 0; seq < 3; seq++) {
      router.forward("local", packetFrame({ flags: SYN, seq }));
    }
    assert.equal(router.counters.overflowed, 0);
    router.expire("web", 0);
    assert.equal(router.counters.refused, 3 * round);
  }
});

Deno.test("what waits for a host that was away is refused when it is down", () => {
  const { router, local } = new Away();
  router.forward("local", packetFrame({ flags: SYN }));
  router.down("web");
  assert.deepEqual(icmpIn(local[0]!), [3, 1]);
});

Deno.test("routed connections outlive an absence of either host", () => {
  for (const host of ["a", "b"]) {
    const mesh = new TwoBastions();
    mesh.connect("b");
    mesh.router.away(host);
    mesh.pass("a", out({ seq: 1001, ack: 5001, data: 10 }));
    mesh.pass("b", back({ seq: 5001, ack: 1001, data: 10 }));
    mesh.up(host);
    mesh.clear();
    mesh.pass("a", out({ seq: 1001, ack: 5001, data: 10 }));
    mesh.pass("b", back({ seq: 5001, ack: 1011, data: 10 }));
    const seen = mesh.seen();
    assert.deepEqual([seen.a?.length, seen.b?.length, seen.c], [1, 1, undefined], host);
    assert.ok(!/RST/.test(JSON.stringify(seen)), host);
  }
});

Deno.test("the silence of an absence does not end a routed connection", () => {
  const DAY = 24 * 60 * 60_000;
  const mesh = new TwoBastions();
  mesh.connect("b", 1);
  mesh.connect("b", 2);
  mesh.connect("c", 3);
  // The first is over, but for a last acknowledgement that got lost.
  mesh.pass("a", out({ flags: FIN | ACK, seq: 1001, ack: 5001, fromPort: 1 }));
  mesh.pass("b", back({ flags: FIN | ACK, seq: 5001, ack: 1002, fromPort: 1 }));
  mesh.router.away("b");
  for (const now of [20_000, DAY + 20_000]) {
    mesh.now = now;
    mesh.pass("d", out({ from: TwoBastions.vips.d })); // a look at the clock
  }
  assert.equal(mesh.router.counters.aborted, 1, "that through c");
  mesh.up("b");
  mesh.clear();
  mesh.now += 9000;
  mesh.pass("b", back({ flags: FIN | ACK, seq: 5001, ack: 1002, fromPort: 1 }));
  mesh.pass("a", out({ seq: 1001, ack: 5001, fromPort: 2, data: 1 }));
  assert.deepEqual([mesh.seen().a?.length, mesh.seen().b?.length], [1, 1]);
  mesh.now += 10_001;
  mesh.pass("d", out({ from: TwoBastions.vips.d }));
  assert.equal(mesh.router.status().flows.finished, 0, "counted from the return on");
  mesh.router.down("b");
  assert.equal(mesh.router.counters.aborted, 2);
});

Deno.test("a SYN through a host that is away is bound to it, until it waited too long", () => {
  const mesh = new TwoBastions();
  mesh.suggest("a", "b");
  mesh.router.away("b");
  mesh.pass("a", out({ flags: SYN, seq: 1000 }));
  assert.equal(mesh.router.status().flows.opening, 1);
  assert.deepEqual(mesh.seen(), {});
  mesh.now = 10_000;
  mesh.router.expire("b", 10_000);
  assert.equal(mesh.router.status().flows.opening, 0);
  assert.deepEqual(mesh.seen().a, [
    "protocol 1",
    inWords(mesh.got.a![1]!),
  ]);
  assert.match(mesh.seen().a![1]!, /^RST\+ACK 10\.1\.2\.3:80 /);
});

Deno.test("the addresses behind a host are told by who has connections there", () => {
  const mesh = new TwoBastions();
  mesh.connect("b", 1);
  mesh.connect("b", 2);
  assert.deepEqual(
    [...mesh.router.addressesVia("b")].map(([from, addresses]) => [from, [...addresses]]),
    [["a", [parseIpv4(FOREIGN)!]]],
  );
  assert.equal(mesh.router.addressesVia("c").size, 0);
});
