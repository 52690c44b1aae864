import assert from "node:assert/strict";
import { Protocol, TcpFlag } from "../../wire/ip/ipv4.ts";
import { packet, packetFrame } from "../../router/_test_packets.ts";
import { flowOf } from "./flow.ts";
import { resetOf, unreachableOf } from "../../router/refusal.ts";
import { Unreachable } from "../../wire/ip/icmp.ts";

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

Deno.test("an ICMP error and a reset that answer the same packet are one flow", () => {
  for (const options of [0, 12]) {
    for (const seed of [0, 77]) {
      const syn = packet({ flags: TcpFlag.SYN, options });
      const error = unreachableOf(syn, Unreachable.NETWORK)!.payload;
      assert.equal(flowOf(error, 0, seed), flowOf(resetOf(syn)!.payload, 0, seed));
      error.set([127, 0, 42, 99], 12); // whoever says so
      assert.equal(flowOf(error, 0, seed), flowOf(resetOf(syn)!.payload, 0, seed));
      assert.notEqual(flowOf(error, 0, seed), flowOf(syn, 0, seed));
    }
  }
});

Deno.test("an ICMP error that quotes too little is of the flow of its addresses", () => {
  const error = unreachableOf(packet({ flags: TcpFlag.SYN }), Unreachable.HOST)!.payload;
  const between = { from: "127.0.42.101", to: "127.0.42.100", protocol: Protocol.ICMP };
  const plain = flowOf(packet(between), 0, 0);
  const spoilt = (spoil: (bytes: Uint8Array) => void) => {
    const bytes = error.slice();
    spoil(bytes);
    return flowOf(bytes, 0, 0);
  };
  const cases: Record<string, (bytes: Uint8Array) => void> = {
    "no room for the ports": (bytes) => bytes[3] = 20 + 8 + 23,
    "no room for a header": (bytes) => bytes[3] = 20 + 8 + 19,
    "no quote": (bytes) => bytes[3] = 20,
    "another version": (bytes) => bytes[28] = 0x65,
    "a header too short": (bytes) => bytes[28] = 0x44,
    "a later piece": (bytes) => bytes[28 + 7] = 1,
    "no ports in the protocol": (bytes) => bytes[28 + 9] = Protocol.ICMP,
    "itself a piece": (bytes) => bytes[6] = 0x20,
    "no error": (bytes) => bytes[20] = 8,
  };
  assert.notEqual(flowOf(error, 0, 0), plain);
  for (const [name, spoil] of Object.entries(cases)) {
    assert.equal(spoilt(spoil), plain, name);
  }
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
