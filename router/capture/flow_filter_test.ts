/** Filters of captures: what they match, and what is wrong with those that are none. */
import assert from "node:assert/strict";
import { HEADER_BYTES } from "../../wire/frame.ts";
import { parseIpv4, Protocol, TcpFlag } from "../../wire/ip/ipv4.ts";
import { packetFrame, type PacketSpec } from "../_test_packets.ts";
import { unreachableOf } from "../refusal.ts";
import { FlowFault, FlowFilter } from "./flow_filter.ts";

const HOSTS: Readonly<Record<string, string>> = {
  laptop: "127.0.42.100",
  web: "127.0.42.101",
  tcp: "127.0.42.102",
};

function parse(text: string): FlowFilter {
  return FlowFilter.parse(text, (name) => {
    const vip = HOSTS[name];
    return vip === undefined ? { fault: `there is no host "${name}"` } : parseIpv4(vip)!;
  });
}

function matches(text: string, spec: PacketSpec): boolean {
  return parse(text).matches(packetFrame(spec).bytes, HEADER_BYTES);
}

/** From laptop:40000 to web:80, by TCP. */
const THERE: PacketSpec = {};
const BACK: PacketSpec = {
  from: HOSTS.web!,
  to: HOSTS.laptop!,
  fromPort: 80,
  toPort: 40000,
};

const OF_THE_FLOW = [
  "laptop -> web",
  "laptop->web",
  "  laptop   ->  web:80 ",
  "web:80 -> laptop",
  "tcp:laptop -> web:80",
  "TCP:laptop:40000 -> web:80",
  "laptop:* -> web:*",
  "* -> web:80",
  "*:80 -> *",
  "* -> *",
  "127.0.42.100 -> 127.0.42.101:80",
  "127.0.42.0/24 -> web",
  "0.0.0.0/0 -> 127.0.42.101/32",
];
for (const text of OF_THE_FLOW) {
  Deno.test(`"${text}" takes a packet there, and one back`, () => {
    assert.ok(matches(text, THERE));
    assert.ok(matches(text, BACK));
  });
}

const OF_OTHERS = [
  "laptop -> web:81",
  "web -> laptop:80",
  "udp:laptop -> web",
  "icmp:* -> *",
  "laptop:40001 -> web:80",
  "laptop -> tcp",
  "10.0.0.0/8 -> *",
  "laptop -> laptop",
];
for (const text of OF_OTHERS) {
  Deno.test(`"${text}" takes neither`, () => {
    assert.ok(!matches(text, THERE));
    assert.ok(!matches(text, BACK));
  });
}

Deno.test("a host may be called as a protocol is", () => {
  const toTcp: PacketSpec = { to: HOSTS.tcp! };
  assert.ok(matches("laptop -> tcp:80", toTcp));
  assert.ok(matches("tcp:80 -> laptop", toTcp));
  assert.ok(matches("tcp:tcp:80 -> laptop", toTcp));
  assert.ok(!matches("udp:tcp:80 -> laptop", toTcp));
});

Deno.test("UDP is of a flow without a protocol, and ICMP of one without ports", () => {
  const [udp, icmp] = [Protocol.UDP, Protocol.ICMP];
  assert.ok(matches("laptop -> web:80", { protocol: udp }));
  assert.ok(!matches("tcp:laptop -> web:80", { protocol: udp }));
  assert.ok(!matches("laptop -> web:80", { protocol: icmp }));
  assert.ok(matches("laptop -> web", { protocol: icmp }));
  assert.ok(matches("icmp:laptop -> web", { protocol: icmp }));
});

Deno.test("a later fragment is of no flow with ports", () => {
  assert.ok(!matches("laptop -> web:80", { fragment: 100 }));
  assert.ok(matches("laptop -> web", { fragment: 100 }));
  assert.ok(matches("laptop -> web:80", { fragment: 0x2000 }), "the first has ports");
});

Deno.test("an ICMP error is of the flow that it quotes", () => {
  const { bytes } = packetFrame({ flags: TcpFlag.SYN });
  const error = unreachableOf(bytes, 1, HEADER_BYTES)!;
  const takes = (text: string) => parse(text).matches(error.bytes, HEADER_BYTES);
  assert.ok(takes("tcp:laptop -> web:80"));
  assert.ok(takes("web:80 -> *"));
  assert.ok(takes("icmp:* -> laptop"));
  assert.ok(!takes("tcp:laptop -> web:81"));
  assert.ok(!takes("udp:laptop -> web"));
});

const WRONG: readonly (readonly [text: string, place: number, message: RegExp])[] = [
  ["", 1, /the "->" is missing; wanted/],
  ["laptop web", 11, /the "->" is missing/],
  ["-> web", 1, /a host or an address is missing/],
  ["laptop ->", 10, /a host or an address is missing/],
  ["laptop -> :80", 11, /a host or an address is missing/],
  ["tcp: -> web", 5, /a host or an address is missing/],
  ["wbe -> laptop", 1, /there is no host "wbe"/],
  ["tcp:wbe -> laptop", 5, /there is no host "wbe"/],
  ["laptop -> wbe:80", 11, /there is no host "wbe"/],
  ["laptop -> web:80000", 15, /port 80000 is out of range/],
  ["laptop:x -> web", 1, /the protocol "laptop" is not known; there are tcp, udp, icmp/],
  ["laptop -> web:http", 15, /port/],
  ["sctp:laptop -> web", 1, /the protocol "sctp" is not known/],
  ["laptop -> 10.0.0.0/33", 11, /"10.0.0.0\/33" is no range/],
  ["laptop -> web -> tcp", 11, /"web -> tcp" is more than one word/],
  ["icmp:laptop -> web:80", 6, /ICMP has no ports/],
];
for (const [text, place, message] of WRONG) {
  Deno.test(`"${text}" is no filter, and where`, () => {
    assert.throws(() => parse(text), (error: Error) => {
      assert.ok(error instanceof FlowFault);
      assert.match(error.message, message);
      assert.ok(error.message.includes(`, character ${place}: `), error.message);
      return true;
    });
  });
}
