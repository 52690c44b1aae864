/** The table of address.ts, and who is in whose way. */
import assert from "node:assert/strict";
import { canonicalAddress, collide, isLoopback } from "./address.ts";

for (
  const [text, address, loopback] of [
    ["localhost", "127.0.0.1", true],
    ["LocalHost", "127.0.0.1", true],
    ["127.9.9.9", "127.9.9.9", true],
    ["0:0:0:0:0:0:0:1", "::1", true],
    ["::FFFF:127.0.0.1", "127.0.0.1", true],
    ["0:0:0:0:0:ffff:7f00:1", "127.0.0.1", true],
    ["::ffff:0.0.0.0", "0.0.0.0", false],
    ["::ffff:203.0.113.7", "203.0.113.7", false],
    ["0::0", "::", false],
    ["FE80::1%eth0", "fe80::1%eth0", false],
    ["proxy.example.com", "proxy.example.com", false],
  ] as const
) {
  Deno.test(`${text} is ${address}`, () => {
    assert.equal(canonicalAddress(text), address);
    assert.equal(isLoopback(text), loopback);
  });
}

Deno.test("the addresses of all are in the way of others", () => {
  const pairs: [string, string, boolean][] = [
    ["127.0.0.1", "::ffff:127.0.0.1", true],
    ["localhost", "127.0.0.2", false],
    ["0.0.0.0", "10.0.0.1", true],
    ["0.0.0.0", "::1", false],
    ["0:0::", "10.0.0.1", true],
    ["0:0::", "::1", true],
    ["::ffff:0:0", "10.0.0.1", true],
    ["fe80::1%a", "fe80::1%b", false],
  ];
  for (const [one, other, wanted] of pairs) {
    assert.equal(collide(one, other), wanted, `${one}, ${other}`);
    assert.equal(collide(other, one), wanted, `${other}, ${one}`);
  }
});
