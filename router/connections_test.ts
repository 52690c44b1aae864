import assert from "node:assert/strict";
import { formatIpv4, TcpFlag } from "../wire/ip/ipv4.ts";
import { packetFrame, type PacketSpec } from "./_test_packets.ts";
import { Connections } from "./connections.ts";
import { unreachableOf } from "./refusal.ts";
import { Unreachable } from "../wire/ip/icmp.ts";
import { HEADER_BYTES } from "../wire/frame.ts";

const { SYN, ACK, FIN, RST } = TcpFlag;
const THERE = {} satisfies PacketSpec;
const BACK = { from: "127.0.42.101", to: "127.0.42.100", fromPort: 80, toPort: 40000 };

/** A watcher whose laptop is .100 and whose web is .101, and what it told. */
function bench() {
  const told: string[] = [];
  const there = new Set(["laptop", "web"]);
  let now = 0;
  const connections = new Connections({
    now: () => now,
    targetOf: (_, address) =>
      ({ "127.0.42.100": "laptop", "127.0.42.101": "web" })[formatIpv4(address)],
    isThere: (host) => there.has(host),
    opened: ({ opener, target }) => void told.push(`${opener} to ${target}`),
    ended: ({ sent, received, since }, end) =>
      void told.push(`${JSON.stringify(end)} ${sent}/${received} in ${now - since}`),
  });
  return {
    told,
    there,
    connections,
    pass: (ms: number) => now += ms,
    out: (spec: PacketSpec) =>
      connections.see("laptop", packetFrame({ ...THERE, ...spec })),
    back: (spec: PacketSpec) => connections.see("web", packetFrame({ ...BACK, ...spec })),
    open() {
      this.out({ flags: SYN, seq: 1000 });
      this.back({ flags: SYN | ACK, seq: 2000 });
    },
  };
}

Deno.test("a connection is told when it opens, and with its bytes when it has closed", () => {
  const it = bench();
  it.open();
  assert.deepEqual(it.told.splice(0), ["laptop to web"]);
  it.out({ seq: 1001, data: 100 });
  it.out({ seq: 1001, data: 100 }); // again
  it.out({ seq: 1101, data: 50 });
  it.back({ seq: 2001, data: 7 });
  it.pass(30);
  it.out({ seq: 1151, flags: FIN | ACK });
  it.back({ seq: 2008, flags: FIN | ACK, data: 2 });
  assert.deepEqual(it.told, ['{"how":"closed"} 150/9 in 30']);
  it.out({ seq: 1152 });
  assert.equal(it.told.length, 1, "what follows is of none");
});

Deno.test("bytes are counted across the end of the sequence numbers", () => {
  const it = bench();
  it.out({ flags: SYN, seq: 0xfffffff0 });
  it.back({ flags: SYN | ACK, seq: 2000 });
  for (let i = 0; i < 10; i++) it.out({ seq: 0xfffffff1 + i * 1000 >>> 0, data: 1000 });
  it.out({ flags: RST });
  assert.equal(it.told.at(-1), '{"how":"resetByOpener"} 10000/0 in 0');
});

Deno.test("who resets a connection, and who refuses one, is told apart", () => {
  const it = bench();
  it.open();
  it.back({ flags: RST });
  it.out({ flags: SYN, seq: 5000 });
  it.out({ flags: SYN, seq: 5000 }); // again
  it.back({ flags: RST | ACK });
  assert.deepEqual(it.told.slice(1), [
    '{"how":"resetByTarget"} 0/0 in 0',
    '{"how":"refused"} 0/0 in 0',
  ]);
});

Deno.test("why a dial failed is told by the code, and only before the connection is open", () => {
  const it = bench();
  const unreachable = () =>
    unreachableOf(
      packetFrame({ flags: SYN }).bytes,
      Unreachable.HOST,
      HEADER_BYTES,
    )!;
  it.open();
  it.connections.see("web", unreachable());
  assert.deepEqual(it.told.splice(0), ["laptop to web"]);
  it.out({ flags: RST });
  it.out({ flags: SYN, seq: 7 });
  it.connections.see("web", unreachable());
  assert.deepEqual(it.told.slice(1), ['{"how":"icmp","code":1} 0/0 in 0']);
});

Deno.test("connections to and of a host that is down are over", () => {
  const it = bench();
  it.open();
  it.connections.down("web");
  it.there.delete("web");
  it.out({ flags: SYN, fromPort: 40001 });
  it.out({ flags: SYN, fromPort: 40002, to: "10.0.0.1" });
  assert.deepEqual(it.told.slice(1), [
    '{"how":"down","host":"web"} 0/0 in 0',
    '{"how":"down","host":"web"} 0/0 in 0',
    '{"how":"down"} 0/0 in 0',
  ]);
});

Deno.test("of too many the oldest are forgotten", () => {
  const it = bench();
  for (let port = 1; port <= 5000; port++) it.out({ flags: SYN, fromPort: port });
  assert.deepEqual(new Set(it.told), new Set(['{"how":"forgotten"} 0/0 in 0']));
  assert.equal(it.told.length, 5000 - 4096);
});

Deno.test("a connection that the policy denied is told as that", () => {
  const it = bench();
  const syn = packetFrame({ ...THERE, flags: SYN });
  it.connections.see("laptop", syn);
  it.connections.denied(syn);
  it.connections.denied(syn);
  assert.deepEqual(it.told, ['{"how":"denied"} 0/0 in 0']);
});
