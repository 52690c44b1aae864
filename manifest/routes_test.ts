/**
 * The table of routes.ts, and what `via` may name.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatCidr } from "../wire/ip/ipv4.ts";
import { read, said } from "./_said.ts";
import { parseRouteDestination } from "./routes.ts";

const ranges = ["10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0"];
const names = ["*.cluster.local", "db.example.com", "*", "10.*", "web-*.my_lab"];
const refused: [string, RegExp][] = [
  ["10.1.2.3", /an address without a prefix length; for this one .* "10.1.2.3\/32"$/],
  ["10.0.0.0/33", /not an address range/],
  ["10.0.0/8", /not an address range/],
  ["fd00::/129", /neither an address range/],
  ["web-?.internal", /nor a pattern of host names.*: "\?" has no meaning/],
  [".example.com", /write "\*\.example\.com"$/],
  ["http://db/", /neither an address range, like .*, nor a pattern/],
  ["", /neither an address range/],
];

for (const text of ranges) {
  Deno.test(`${text} is an address range`, () => {
    const result = parseRouteDestination(text);
    assert.ok(typeof result === "object" && result.cidr);
    assert.equal(formatCidr(result.cidr), text);
  });
}
for (const text of names) {
  Deno.test(`${text} stands for host names`, () => {
    assert.deepEqual(parseRouteDestination(text), {});
  });
}
for (const [text, reason] of refused) {
  Deno.test(`the destination ${JSON.stringify(text)} is refused`, () => {
    assert.match(String(parseRouteDestination(text)), reason);
  });
}

Deno.test("a route goes via a host named by its name or its VIP", () => {
  const { routes } = read(`
hosts: { a: {}, b: { cmd: b, vip: 127.0.42.7, http: { listen: "127.0.0.1:1" } } }
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
hosts: { web: {}, c: { cmd: c, socks: { listen: "127.0.0.1:1" } } }
routes:
  - { via: wbe, to: [x] }
  - { to: [x] }
  - { via: web }
  - { via: web, to: [] }
  - { via: web, to: x }
  - { via: web, to: [10.0.0.1] }
  - { via: 127.0.42.7, to: [x] }
`);
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

/** A route in a mesh where everybody can use it. */
function route(text: string): string {
  return `routes: [${text}]
hosts: { web: {}, lab: { cmd: x, http: { listen: "127.0.0.1:1" } } }
`;
}

Deno.test("a route has exceptions, in the same forms as its destinations", () => {
  const { routes, warnings } = read(route(
    `{ via: web, to: ["0.0.0.0/0", "*.example.com", "a.*"], ` +
      `notTo: ["10.0.0.0/8", "*.Intern.example.com.", "192.168.1.1/32"] }`,
  ));
  assert.deepEqual(warnings, []);
  const { notTo, notCidrs, notGlobs } = routes[0]!;
  assert.deepEqual(notTo, ["10.0.0.0/8", "*.Intern.example.com.", "192.168.1.1/32"]);
  assert.deepEqual(notCidrs.map(formatCidr), ["10.0.0.0/8", "192.168.1.1/32"]);
  assert.deepEqual(notGlobs, ["*.Intern.example.com."]);

  const without = read(route("{ via: web, to: [a.b] }")).routes[0]!;
  assert.deepEqual([without.notTo, without.notCidrs, without.notGlobs], [[], [], []]);
});

const doubtful: [string, string, string[]][] = [
  ["an exception that is none is located", "{ via: web, to: [a], notTo: [10.0.0.1] }", [
    `mesh.yaml:1:39: error: "10.0.0.1" is an address without a prefix length; for this ` +
    `one address write "10.0.0.1/32"`,
  ]],
  ["exceptions that are no list are located", "{ via: web, to: [a], notTo: a }", [
    `mesh.yaml:1:38: error: "notTo" is "a"; wanted a list, like ["10.0.0.0/8", ` +
    `"*.example.com"]`,
  ]],
  [
    "a range outside of every range is told",
    `{ via: web, to: [10.0.0.0/8, "*"], notTo: [11.0.0.0/8] }`,
    [
      `mesh.yaml:1:53: warning: this exception has no effect: "11.0.0.0/8" lies outside ` +
      `of every range in "to" of its route`,
    ],
  ],
  [
    "a name outside of every pattern is told",
    `{ via: web, to: ["*.example.com"], notTo: [example.com] }`,
    [
      `mesh.yaml:1:53: warning: this exception has no effect: "example.com" lies outside ` +
      `of every pattern of host names in "to" of its route`,
    ],
  ],
  [
    "a name that a range may have is an exception like any other",
    `{ via: web, to: [0.0.0.0/0], notTo: [example.com] }`,
    [],
  ],
  [
    "what is of IPv6 has no effect, which is told",
    `{ via: web, to: [0.0.0.0/0, "::/0", "fd00::/8"], notTo: ["::1"] }`,
    ["::/0", "fd00::/8", "::1"].map((text, index) =>
      `mesh.yaml:1:${
        [38, 46, 67][index]
      }: warning: "${text}" has no effect: IPv6 is not ` +
      `supported in routes`
    ),
  ],
  [
    "an exception wider than its destination leaves nothing, which is told",
    "{ via: web, to: [10.1.0.0/16, A.b, c], notTo: [10.0.0.0/8, a.B.] }",
    [
      `mesh.yaml:1:27: warning: "notTo" of this route leaves nothing of "10.1.0.0/16"`,
      `mesh.yaml:1:40: warning: "notTo" of this route leaves nothing of "A.b"`,
    ],
  ],
];
for (const [what, text, expected] of doubtful) {
  Deno.test(what, () => assert.deepEqual(said(route(text)), expected));
}

Deno.test("routes that no proxy uses are told, once for all or one by one", () => {
  assert.deepEqual(
    said("hosts: { a: {}, b: { cmd: b } }\nroutes: [{ via: b, to: [x] }]\n"),
    [
      "mesh.yaml:2:1: warning: nothing uses these routes: they are for HTTP and SOCKS " +
      'proxies and egress rules, and no host has one; give a host "http", "socks" or "egress"',
    ],
  );
  const some = `routes: [{ via: lab, to: [x] }, { via: web, to: [y] }]`;
  assert.deepEqual(said(route("").replace("routes: []", some)), [
    `mesh.yaml:1:10: warning: nothing uses this route: no host but "lab" itself has an ` +
    `HTTP or SOCKS proxy, or an egress rule that leads there`,
  ]);
  assert.deepEqual(said("hosts: { a: {} }\nroutes: []\n"), []);
});
