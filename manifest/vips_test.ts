/**
 * Which addresses hosts may have, and which they get.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { read, said } from "./_said.ts";

Deno.test("hosts without a vip get free addresses in order of appearance", () => {
  const { hosts } = read(`
hosts:
  a: {}
  b: { cmd: b, vip: 127.0.42.101 }
  c: { cmd: c }
  d: { cmd: d, vip: 127.0.42.100 }
  e: { cmd: e }
`);
  assert.deepEqual(
    hosts.map(({ name, vip, vipAssigned }) => [name, formatIpv4(vip), vipAssigned]),
    [
      ["a", "127.0.42.102", true],
      ["b", "127.0.42.101", false],
      ["c", "127.0.42.103", true],
      ["d", "127.0.42.100", false],
      ["e", "127.0.42.104", true],
    ],
  );
});

Deno.test("155 hosts get an address and the next one is an error", () => {
  const mesh = (count: number) =>
    "hosts:\n" +
    Array.from({ length: count }, (_, i) => `  h${i}: { cmd: x }\n`).join("");
  assert.equal(formatIpv4(read(mesh(155)).hosts.at(-1)!.vip), "127.0.42.254");
  assert.deepEqual(said(mesh(157)), [
    `mesh.yaml:157:3: error: no address is left for "h155": 127.0.42.100 to ` +
    `127.0.42.254 are all taken; give it a "vip" of its own`,
  ]);
});

Deno.test("a vip that is taken is located, and the other one named", () => {
  assert.deepEqual(
    said(`
hosts:
  a: { vip: "127.0.42.100" }
  b: { cmd: b, vip: 127.0.42.100 }
`),
    [
      `mesh.yaml:4:21: error: vip "127.0.42.100" of "b" is already that of "a" (mesh.yaml:3:13)`,
    ],
  );
});

const refused: [string, RegExp][] = [
  ["127.0.42.300", /not an IPv4 address/],
  ["127.1", /"127.1" is not an IPv4 address/],
  ['"::1"', /not an IPv4 address, .* \(IPv6 is not supported\)/],
  ["web", /not an IPv4 address/],
  ["[127.0.42.100]", /"vip" is a list; wanted an IPv4 address/],
  ["0.0.0.0", /not an address that a host can have/],
  ["224.0.0.1", /not an address that a host can have/],
  ["255.255.255.255", /not an address that a host can have/],
];
for (const [vip, reason] of refused) {
  Deno.test(`the vip ${vip} is refused`, () => {
    const found = said(`hosts: { a: { vip: ${vip} } }`);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, /^mesh.yaml:1:20: error: /);
    assert.match(found[0]!, reason);
  });
}

Deno.test("a vip outside 127.0.0.0/8 is an error while somebody listens on loopback", () => {
  const mesh = (disable: boolean) =>
    said(`hosts: { a: { vip: 10.0.0.1, loopback: { disable: ${disable} } } }`)
      .filter((line) => !line.includes("nothing can be reached"));
  assert.match(mesh(false).join(), /^mesh.yaml:1:20: error: .*outside 127.0.0.0\/8/);
  assert.deepEqual(mesh(true), []);
});
