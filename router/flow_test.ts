import assert from "node:assert/strict";
import { Protocol } from "../wire/ipv4.ts";
import { packet, packetFrame } from "./_test_packets.ts";
import { flowOf } from "./flow.ts";

Deno.test("a flow is its five-tuple and nothing else", () => {
  const base = flowOf(packet(), 0, 0);
  assert.equal(
    flowOf(packet({ seq: 5, ack: 6, flags: 2, data: 100, options: 12 }), 0, 0),
    base,
  );
  assert.equal(flowOf(packetFrame().bytes, 8, 0), base);
  for (
    const spec of [
      { from: "127.0.42.99" },
      { to: "127.0.42.99" },
      { fromPort: 40001 },
      { toPort: 81 },
      { protocol: Protocol.UDP },
    ]
  ) {
    assert.notEqual(flowOf(packet(spec), 0, 0), base, JSON.stringify(spec));
  }
  assert.notEqual(flowOf(packet(), 0, 1), base);
});

Deno.test("the pieces of a packet are one flow, and so are portless packets", () => {
  const first = flowOf(packet({ fragment: 0x2000 }), 0, 0);
  assert.equal(flowOf(packet({ fragment: 0x0010, fromPort: 9, toPort: 9 }), 0, 0), first);
  const icmp = (fromPort: number) => packet({ protocol: Protocol.ICMP, fromPort });
  assert.equal(flowOf(icmp(1), 0, 0), flowOf(icmp(2), 0, 0));
  const cut = packet().slice(0, 22);
  cut[3] = 22;
  assert.equal(flowOf(cut, 0, 0) >>> 0, flowOf(cut, 0, 0));
});

Deno.test("neighbouring ports and addresses spread over the places of a queue", () => {
  const places = new Set<number>();
  for (let i = 0; i < 256; i++) {
    places.add(flowOf(packet({ fromPort: 40000 + i }), 0, 0) % 1024);
    places.add(flowOf(packet({ to: `127.0.42.${i}` }), 0, 0) % 1024);
  }
  // 512 thrown at random into 1024 hit about 403.
  assert.ok(places.size > 360, `only ${places.size} places`);
});
