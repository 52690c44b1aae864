// The table of routes.ts, and what `via` may name.
import assert from "node:assert/strict";
import { formatCidr } from "../wire/ipv4.ts";
import { read, said } from "./_said.ts";
import { parseDestination } from "./routes.ts";

const ranges = ["10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0"];
const names = ["*.cluster.local", "db.example.com", "*", "web-?.[a-c].{x,y}"];
const refused: [string, RegExp][] = [
  ["10.1.2.3", /an address without a prefix length; for this one .* "10.1.2.3\/32"$/],
  ["10.0.0.0/33", /not an address range/],
  ["10.0.0/8", /not an address range/],
  ["fd00::/8", /IPv6 is not supported/],
  ["::1", /IPv6 is not supported/],
  ["http://db/", /neither an address range, like .*, nor a pattern/],
  ["", /neither an address range/],
];

for (const text of ranges) {
  Deno.test(`${text} is an address range`, () => {
    const result = parseDestination(text);
    assert.ok(typeof result === "object" && result.cidr);
    assert.equal(formatCidr(result.cidr), text);
  });
}
for (const text of names) {
  Deno.test(`${text} stands for host names`, () => {
    assert.deepEqual(parseDestination(text), {});
  });
}
for (const [text, reason] of refused) {
  Deno.test(`the destination ${JSON.stringify(text)} is refused`, () => {
    assert.match(String(parseDestination(text)), reason);
  });
}

Deno.test("a route goes via a host named by its name or its VIP", () => {
  const { routes } = read(`
hosts: { a: {}, b: { cmd: b, vip: 127.0.42.7 } }
routes:
  - { via: a, to: ["10.0.0.0/8", "*.a"] }
  - { via: 127.0.42.7, to: [x.example] }
`);
  assert.deepEqual(
    routes.map(({ via, cidrs, globs }) => [via, cidrs.map(formatCidr), globs]),
    [["a", ["10.0.0.0/8"], ["*.a"]], ["b", [], ["x.example"]]],
  );
});

Deno.test("a route via nobody, without a via, or to nowhere is located", () => {
  const found = said(`
hosts: { web: {} }
routes:
  - { via: wbe, to: [x] }
  - { to: [x] }
  - { via: web }
  - { via: web, to: [] }
  - { via: web, to: x }
  - { via: web, to: [10.0.0.1] }
  - { via: 127.0.42.7, to: [x] }
`).filter((line) => !line.includes("not yet"));
  assert.deepEqual(found, [
    `mesh.yaml:4:12: error: via "wbe" is neither the name nor the VIP of a host; did you mean "web"?`,
    `mesh.yaml:5:5: error: a route without "via"; wanted the name of a host`,
    `mesh.yaml:6:5: error: a route without "to"; wanted one destination or more`,
    `mesh.yaml:7:5: error: a route without "to"; wanted one destination or more`,
    `mesh.yaml:8:21: error: "to" is "x"; wanted a list, like ["10.0.0.0/8", "*.example.com"]`,
    `mesh.yaml:9:22: error: "10.0.0.1" is an address without a prefix length; for this one address write "10.0.0.1/32"`,
    `mesh.yaml:10:12: error: via "127.0.42.7" is neither the name nor the VIP of a host; did you mean "127.0.42.100"?`,
  ]);
});
