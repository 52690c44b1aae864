import assert from "node:assert/strict";
import fc from "fast-check";
import { formatIpv4, parseIpv4 } from "../../wire/ip/ipv4.ts";
import { reversedIpv4, reverseName } from "./reverse.ts";

Deno.test("an address has one reverse name, however it is written", () => {
  const zeros = (count: number) => "0.".repeat(count);
  const table: Record<string, string | undefined> = {
    "127.0.42.101": "101.42.0.127.in-addr.arpa",
    "::1": `1.${zeros(31)}ip6.arpa`,
    "0:0:0:0:0:0:0:1": `1.${zeros(31)}ip6.arpa`,
    "::": `${zeros(32)}ip6.arpa`,
    "fe80::1%lo0": `1.${zeros(28)}8.e.f.ip6.arpa`,
    "2001:DB8::12": `2.1.${zeros(22)}8.b.d.0.1.0.0.2.ip6.arpa`,
    "::ffff:10.0.0.1": `1.0.0.0.0.0.a.0.f.f.f.f.${zeros(20)}ip6.arpa`,
    "1:2:3:4:5:6:7:8": [8, 7, 6, 5, 4, 3, 2, 1].map((n) => `${n}.0.0.0.`).join("") +
      "ip6.arpa",
    "web": undefined,
    "10.0.0": undefined,
    "": undefined,
  };
  for (const [address, name] of Object.entries(table)) {
    assert.equal(reverseName(address), name, address);
  }
});

Deno.test("a reverse name leads back to its address, and no other name does", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (address) => {
    assert.equal(reversedIpv4(reverseName(formatIpv4(address))!), address);
  }));
  const others = [
    "in-addr.arpa",
    ".in-addr.arpa",
    "0.127.in-addr.arpa",
    "1.0.0.127.in-addr.arpa.evil",
    "01.0.0.127.in-addr.arpa",
    "x.1.0.0.127.in-addr.arpa",
    "256.0.0.127.in-addr.arpa",
    "1.0.0.127.ip6.arpa",
  ];
  for (const name of others) assert.equal(reversedIpv4(name), undefined, name);
  assert.equal(reversedIpv4("101.42.0.127.in-addr.arpa"), parseIpv4("127.0.42.101"));
});
