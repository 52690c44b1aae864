import assert from "node:assert/strict";
import {
  contains,
  destinationOf,
  destinationPortOf,
  formatCidr,
  formatIpv4,
  headerLengthOf,
  isFragment,
  isLaterFragment,
  parseCidr,
  parseIpv4,
  Protocol,
  protocolOf,
  sourceOf,
  sourcePortOf,
  TcpFlag,
  tcpFlagsOf,
  totalLengthOf,
  versionOf,
} from "./ipv4.ts";

Deno.test("addresses go from text to number and back", () => {
  const cases: [string, number][] = [
    ["0.0.0.0", 0],
    ["10.0.0.1", 0x0a000001],
    ["127.0.42.100", 0x7f002a64],
    ["255.255.255.255", 0xffffffff],
  ];
  for (const [text, address] of cases) {
    assert.equal(parseIpv4(text), address);
    assert.equal(formatIpv4(address), text);
  }
});

Deno.test("what is not a dotted quad is no address", () => {
  const wrong = [
    ..." |1.2.3|1.2.3.4.5|1.2.3.256|1.2.3.04|01.2.3.4|1.2.3.-1|1.2.3.4 |0x1.2.3.4".split(
      "|",
    ),
    ..."1..3.4|::1|1.2.3.1e1|١.2.3.4|1.2.3.4\n".split("|"),
  ];
  for (const text of wrong) {
    assert.equal(parseIpv4(text), undefined, JSON.stringify(text));
  }
});

Deno.test("ranges contain what their prefix says", () => {
  const cases: [string, string, string[], string[]][] = [
    ["10.1.0.0/16", "10.1.0.0/16", ["10.1.0.0", "10.1.255.255"], [
      "10.0.255.255",
      "10.2.0.0",
    ]],
    ["200.1.2.3/8", "200.0.0.0/8", ["200.255.0.1"], ["201.0.0.0"]],
    ["0.0.0.0/0", "0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], []],
    ["255.1.2.3/32", "255.1.2.3/32", ["255.1.2.3"], ["255.1.2.2", "255.1.2.4"]],
    ["128.0.0.0/1", "128.0.0.0/1", ["255.0.0.0"], ["127.255.255.255"]],
  ];
  for (const [text, formatted, inside, outside] of cases) {
    const cidr = parseCidr(text)!;
    assert.equal(formatCidr(cidr), formatted);
    for (const address of inside) assert.ok(contains(cidr, parseIpv4(address)!), address);
    for (const address of outside) {
      assert.ok(!contains(cidr, parseIpv4(address)!), address);
    }
  }
  for (
    const wrong of [
      "10.0.0.0",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0/8",
      "1.2.3.4/08",
      "/8",
    ]
  ) {
    assert.equal(parseCidr(wrong), undefined, wrong);
  }
});

Deno.test("header fields are read where the packet starts, behind options too", () => {
  // deno-fmt-ignore
  const bytes = new Uint8Array([
    0xee, // one byte before the packet
    0x46, 0, 0, 44, 0, 1, 0x40, 0, 64, 6, 0, 0, 200, 0, 42, 100, 127, 0, 42, 101, 1, 1, 1, 1,
    0x1f, 0x90, 0xc0, 0x01, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0,
  ]);
  assert.equal(versionOf(bytes, 1), 4);
  assert.equal(headerLengthOf(bytes, 1), 24);
  assert.equal(totalLengthOf(bytes, 1), 44);
  assert.equal(protocolOf(bytes, 1), Protocol.TCP);
  assert.equal(formatIpv4(sourceOf(bytes, 1)), "200.0.42.100");
  assert.equal(formatIpv4(destinationOf(bytes, 1)), "127.0.42.101");
  assert.equal(sourcePortOf(bytes, 1), 8080);
  assert.equal(destinationPortOf(bytes, 1), 49153);
  assert.equal(tcpFlagsOf(bytes, 1), TcpFlag.SYN);
});

Deno.test("don't-fragment is not a fragment, more-fragments and an offset are", () => {
  const packet = (flags: number) =>
    new Uint8Array([0x45, 0, 0, 20, 0, 0, flags >> 8, flags]);
  const cases: [number, boolean, boolean][] = [
    [0x0000, false, false],
    [0x4000, false, false],
    [0x2000, true, false],
    [0x2001, true, true],
    [0x0001, true, true],
  ];
  for (const [flags, fragment, later] of cases) {
    assert.equal(isFragment(packet(flags)), fragment);
    assert.equal(isLaterFragment(packet(flags)), later);
  }
});
