/**
 * The tables of policy_rules.ts, every fault of a policy with its place, and the rules of
 * which a warning says that they never match.
 *
 * @module
 */
import assert from "node:assert/strict";
import { manifestFromObject } from "./parse.ts";
import { read, said, saidBy, transports } from "./_said.ts";
import { formatCidr } from "../wire/ip/ipv4.ts";
import { parseParty, parsePolicyPorts } from "./policy_rules.ts";

const HOSTS = `
hosts:
  laptop: { vip: 127.0.42.100, socks: { listen: "127.0.0.1:1080" } }
  web: { cmd: a, vip: 127.0.42.101, aliases: [www.example], ports: ["8080:a:80"] }
  10.internal: { cmd: b, vip: 127.0.42.102, ports: ["22:a:22", "5432:a:5432"] }
`;
const ROUTES = `routes: [{ via: web, to: [10.0.0.0/8, "*.internal", db.lab] }]
`;

const mesh = read(HOSTS + ROUTES);
const parties: [string, string][] = [
  ["laptop", "host laptop"],
  ["LAPTOP.", "host laptop"],
  ["www.example", "host web"],
  ["127.0.42.101", "host web"],
  ["10.internal", "host 10.internal"], // also a name that a route leads to
  ["*", "any"],
  ["10.1.0.0/16", "range 10.1.0.0/16"],
  ["127.0.42.101/32", "range 127.0.42.101/32"],
  ["*.Internal", "name *.internal"],
  ["db.lab", "name db.lab"],
  ["a.internal.", "name a.internal"],
];
for (const [text, expected] of parties) {
  Deno.test(`${text} in a rule is ${expected}`, () => {
    const party = parseParty(text, "to", mesh);
    assert.ok(typeof party === "object", String(party));
    const what = party.kind === "host"
      ? party.name
      : party.kind === "range"
      ? formatCidr(party.cidr)
      : party.kind === "name"
      ? party.glob
      : "";
    assert.equal(`${party.kind} ${what}`.trim(), expected);
  });
}

const strangers: ["from" | "to", string, RegExp][] = [
  ["from", "lptop", /"lptop" is not a host; did you mean "laptop"\?$/],
  ["to", "wbe", /neither a host nor a name that a route leads to; did you mean "web"\?$/],
  ["to", "db.example.com", /neither a host nor a name that a route leads to$/],
  ["from", "*.internal", /is a pattern of names, but who connects is a host; wanted/],
  ["from", "user:me", /rules for "user:" come with identity, .*; wanted a host, a range/],
  ["to", "cert:web", /rules for "cert:" come with identity/],
  ["to", "10.1.2.3", /is no host's VIP; for this one address write "10.1.2.3\/32"$/],
  ["to", "10.0.0.0/33", /is not an address range; wanted one like "10.0.0.0\/8"$/],
  ["to", "10.0.0/8", /is not an address range/],
  ["from", "fd00::/8", /the mesh carries no IPv6/],
  ["to", "web-?", /neither a host, a range or .*"\?" has no meaning in it/],
  ["from", "a b", /neither a host or a range: " " cannot be part of it$/],
  ["to", "", /it is empty$/],
];
for (const [side, text, reason] of strangers) {
  Deno.test(`${JSON.stringify(text)} in "${side}" of a rule is refused`, () => {
    assert.match(String(parseParty(text, side, mesh)), reason);
  });
}

Deno.test("ports of a rule are numbers and spans, of one protocol or both", () => {
  const table: [string, ReturnType<typeof parsePolicyPorts>][] = [
    ["443", { first: 443, last: 443 }],
    ["443/tcp", { first: 443, last: 443, proto: "tcp" }],
    ["8000-8100", { first: 8000, last: 8100 }],
    ["8000-8100/tcp", { first: 8000, last: 8100, proto: "tcp" }],
    ["53/udp", { first: 53, last: 53, proto: "udp" }],
  ];
  for (const [text, ports] of table) assert.deepEqual(parsePolicyPorts(text), ports);
  const wrong: [string, RegExp][] = [
    ["0", /port 0 is out of range/],
    ["65536", /port 65536 is out of range/],
    ["1-70000", /port 70000 is out of range/],
    ["90-80", /it ends before it begins/],
    ["1-2-3", /is no port of a rule; wanted one like 443/],
    ["80,443", /"80,443" is not a port number/],
    ["-80", /"" is not a port number/],
    ["http", /"http" is not a port number/],
    ["443/sctp", /the protocol "sctp" is not known; wanted "\/tcp", "\/udp" or nothing/],
    ["443/", /the protocol "" is not known/],
    ["*", /for all ports, leave "ports" out$/],
    ["", /"" is not a port number/],
  ];
  for (const [text, reason] of wrong) {
    assert.match(String(parsePolicyPorts(text)), reason, text);
  }
});

Deno.test("a policy is read rule by rule, with the place of each", () => {
  const { policy } = read(`${HOSTS}${ROUTES}policy:
  - { from: [laptop], to: [10.internal, 10.0.0.0/8], ports: [5432, 8000-8100/tcp], action: allow }
  - from: ["*"]
    to: ["*"]
    action: deny
`);
  assert.deepEqual(policy, [
    {
      action: "allow",
      from: [{ kind: "host", name: "laptop" }],
      to: [
        { kind: "host", name: "10.internal" },
        { kind: "range", cidr: { network: 0x0a000000, prefix: 8 } },
      ],
      ports: [{ first: 5432, last: 5432 }, { first: 8000, last: 8100, proto: "tcp" }],
      at: { file: "mesh.yaml", line: 8, column: 5 },
    },
    {
      action: "deny",
      from: [{ kind: "any" }],
      to: [{ kind: "any" }],
      at: { file: "mesh.yaml", line: 9, column: 5 },
    },
  ]);
  assert.equal(read(HOSTS).policy, undefined);
  assert.equal(read(`${HOSTS}policy:\n`).policy, undefined);
  assert.deepEqual(read(`${HOSTS}policy: []\n`).policy, []);
});

Deno.test("every fault of a policy is told at its place", () => {
  const text = `${HOSTS}policy:
  - { from: [lptop], to: [web, 10.0.0.0/40], ports: [0, 9-8], action: alow }
  - { from: [], to: laptop, ports: [], action: [deny] }
  - { form: [web], to: [[web]], port: [22] }
  - deny
  -
  - { from: [user:me], to: [cert:x], action: deny }
`;
  assert.deepEqual(
    said(text).map((line) => line.replace(/^mesh.yaml:|; (wanted|did you).*/g, "")),
    [
      '7:14: error: "from": "lptop" is not a host',
      '7:32: error: "to": "10.0.0.0/40" is not an address range',
      '7:54: error: "0" is no port of a rule: port 0 is out of range, ports are 1 to 65535',
      '7:57: error: "9-8" is no port of a rule: it ends before it begins',
      '7:71: error: "action" is "alow"',
      '8:13: error: "from" is empty, so that the rule matches nothing',
      '8:21: error: "to" is "laptop"',
      '8:36: error: "ports" is empty, so that the rule matches nothing',
      '8:48: error: "action" is a list',
      '9:5: error: a policy rule without "action"',
      '9:5: error: a policy rule without "from"',
      '9:7: error: unknown field "form" in a policy rule',
      '9:25: error: "to" is a list',
      '9:33: error: unknown field "port" in a policy rule',
      '10:5: error: a policy rule is "deny"',
      "11:4: error: a policy rule with nothing in it",
      '12:14: error: "from": "user:me": rules for "user:" come with identity, which ' +
      "hosts do not have yet",
      '12:29: error: "to": "cert:x": rules for "cert:" come with identity, which hosts ' +
      "do not have yet",
    ],
  );
  assert.deepEqual(said(`${HOSTS}policy: deny\n`), [
    'mesh.yaml:6:9: error: "policy" is "deny"; wanted a list, like [{ from: [laptop], ' +
    "to: [db], ports: [5432], action: allow }]",
  ]);
});

Deno.test("the place in a policy given as an object is a path", () => {
  const value = {
    hosts: { a: {}, b: { cmd: "b", ports: ["1:a:1"] } },
    policy: [{ from: ["a"], to: ["b", "c"], ports: [1, "x"], action: "deny" }],
  };
  const lines = saidBy(() => manifestFromObject(value, { path: "mesh", transports }));
  assert.deepEqual(lines.map((line) => line.split(": error")[0]), [
    "mesh: policy[0].to[1]",
    "mesh: policy[0].ports[1]",
  ]);
});

Deno.test("a misspelt host is no silent name of a route that leads to any name", () => {
  const routes = `routes: [{ via: web, to: ["*"] }]\n`;
  const rule = `policy: [{ from: [laptop], to: [wbe], action: deny }]\n`;
  assert.match(said(HOSTS + routes + rule).join(), /"wbe" is not a host, .*"web"\?$/);
});

/** Warnings of rules, each the lines of `policy`. */
function idle(rules: string[], routes = ROUTES): string[] {
  const text = `${HOSTS}${routes}policy:\n${
    rules.map((rule) => `  - ${rule}\n`).join("")
  }`;
  const first = text.split("\n").findIndex((line) => line === "policy:") + 2;
  return said(text).map((line) => {
    const [, number] = line.split(":");
    const rest = line.replace(/^.*?(?:never matches|is never reached)?: warning: /, "");
    return `${Number(number) - first} ${rest}`.replaceAll(
      /mesh\.yaml:(\d+):5/g,
      (_, at) => `#${Number(at) - first}`,
    );
  });
}

const NEVER = "this policy rule never matches";
const BEHIND = "this policy rule is never reached";
const idleRules: [string, string[], string[], string?][] = [
  ["a rule behind a wider one", [
    `{ from: [laptop, web], to: ["*"], action: allow }`,
    `{ from: [laptop], to: [10.1.0.0/16, "*.a.internal", web], ports: [80-90, 8080], action: deny }`,
  ], [`1 ${BEHIND}: #0 decides about all that it matches`]],
  ["a rule behind several that take all its ports together", [
    `{ from: ["*"], to: [10.internal], ports: [1-1000], action: allow }`,
    `{ from: [127.0.42.0/24], to: [127.0.42.102], ports: [1001-65535], action: allow }`,
    `{ from: [laptop], to: [10.internal], action: deny }`,
  ], [`2 ${BEHIND}: #0, #1 decide about all that it matches`]],
  ["a rule that has one more host, port or name", [
    `{ from: [laptop], to: [web], ports: [1-8080], action: allow }`,
    `{ from: [laptop, 10.internal], to: [web], ports: [8080], action: deny }`,
    `{ from: [laptop], to: [web, 10.internal], ports: [22, 8080], action: deny }`,
    `{ from: [laptop], to: ["*.a.internal"], action: deny }`,
    `{ from: [laptop], to: ["*.internal"], action: deny }`,
  ], []],
  ["a pattern within a pattern, a range within two", [
    `{ from: ["*"], to: ["*.internal", 10.0.0.0/9, 10.128.0.0/9], action: allow }`,
    `{ from: [web], to: ["x.internal", "*.a.internal"], action: deny }`,
    `{ from: [web], to: [10.0.0.0/8], action: deny }`,
  ], [
    `1 ${BEHIND}: #0 decides about all that it matches`,
    `2 ${BEHIND}: #0 decides about all that it matches`,
  ]],
  ["ports that nobody publishes", [
    `{ from: ["*"], to: [web], ports: [81], action: deny }`,
    `{ from: ["*"], to: [web, 10.internal], ports: [81, 82], action: deny }`,
    `{ from: ["*"], to: [web, 10.0.0.0/8], ports: [81], action: deny }`,
    `{ from: ["*"], to: ["*"], ports: [81], action: deny }`,
    `{ from: ["*"], to: [web], ports: [10053], action: deny }`,
    `{ from: ["*"], to: [web], ports: [53/udp], action: deny }`,
  ], [
    `0 ${NEVER}: "web" does not publish its port`,
    `1 ${NEVER}: none of "web", "10.internal" publishes one of its ports`,
    `4 ${NEVER}: port 10053 is that of name servers, which everybody may ask`,
    `5 ${NEVER}: its ports are all of UDP, which the mesh does not carry yet`,
  ]],
  [
    "ports that no host publishes in a mesh without routes",
    [
      `{ from: ["*"], to: ["*"], ports: [81], action: deny }`,
    ],
    [`0 ${NEVER}: no host publishes its port`],
    "",
  ],
  ["parties that are nobody", [
    `{ from: [10.0.0.0/8], to: [web], action: deny }`,
    `{ from: [laptop], to: ["*.example.com"], action: deny }`,
    `{ from: [web], to: [web], action: deny }`,
  ], [
    `0 ${NEVER}: no host has a VIP in 10.0.0.0/8, and only hosts connect`,
    `1 ${NEVER}: no route leads to *.example.com`,
    `2 ${NEVER}: connections of "web" to itself do not pass the mesh`,
  ]],
  [
    "a range without a route",
    [
      `{ from: [laptop], to: [192.168.0.0/16], action: deny }`,
    ],
    [`0 ${NEVER}: no route leads to 192.168.0.0/16`],
    "",
  ],
];
for (const [what, rules, expected, routes] of idleRules) {
  Deno.test(`${what}: ${expected.length} warnings`, () => {
    assert.deepEqual(idle(rules, routes), expected);
  });
}

Deno.test("a thousand rules are compared in less than 2 s", () => {
  const hosts = Array.from({ length: 100 }, (_, i) => `  h${i}: { cmd: a }\n`).join("");
  const rules = Array.from(
    { length: 1000 },
    (_, i) => `  - { from: ["*"], to: [h${i % 100}], ports: [${i + 1}], action: deny }\n`,
  );
  const begin = performance.now();
  assert.ok(read(`hosts:\n${hosts}policy:\n${rules.join("")}`).policy?.length === 1000);
  assert.ok(performance.now() - begin < 2000);
});
