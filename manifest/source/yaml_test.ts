/**
 * YAML as people write it: anchors, merge keys, other spellings, and broken text.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, said } from "../_said.ts";
import { Report } from "./report.ts";
import { toPlain } from "./value.ts";
import { fromYaml } from "./yaml.ts";

function plain(text: string): unknown {
  const report = new Report("mesh.yaml");
  const value = toPlain(fromYaml(text, report));
  report.finish();
  return value;
}

Deno.test("anchors and merge keys work as in YAML 1.1", () => {
  assert.deepEqual(
    plain(`
a: &a { x: 1, y: 2 }
b: &b { y: 3, z: 4 }
one: { <<: *a, x: 0 }
both: { <<: [*a, *b] }
last: { z: 0, <<: *b }
text: { "<<": *a }
list: &l [1, *a]
again: *l
`),
    {
      a: { x: 1, y: 2 },
      b: { y: 3, z: 4 },
      one: { x: 0, y: 2 },
      both: { x: 1, y: 2, z: 4 },
      last: { z: 0, y: 3 },
      text: { "<<": { x: 1, y: 2 } },
      list: [1, { x: 1, y: 2 }],
      again: [1, { x: 1, y: 2 }],
    },
  );
});

Deno.test("an anchor means the latest value that was given to it", () => {
  assert.deepEqual(plain("[&a 1, *a, &a 2, *a]"), [1, 1, 2, 2]);
});

Deno.test("hosts share fields through a merge key", () => {
  const { hosts } = read(`
hosts:
  local: &base
    ports: ["22:127.0.0.1:22"]
    loopback: { disable: on }
  web:
    <<: *base
    cmd: docker exec -i web norouter
`);
  assert.deepEqual(hosts[1]!.ports.map(({ text }) => text), ["22:127.0.0.1:22"]);
  assert.equal(hosts[1]!.loopback.disable, true);
});

Deno.test("a fault in a shared value is reported once, where it stands", () => {
  assert.deepEqual(
    said(`
hosts:
  c: &c { cmd: c, ports: [x] }
  d: { <<: *c }
`).map((line) => line.slice(0, 26)),
    ['mesh.yaml:3:27: error: "x"'],
  );
});

Deno.test("ports need no quotes, and numbers keep their spelling", () => {
  const { hosts } = read(
    "hosts:\n  007:\n    ports:\n    - 8080:127.0.0.1:80\n    - 1:db:3\n",
  );
  assert.equal(hosts[0]!.name, "007");
  assert.deepEqual(hosts[0]!.ports.map(({ text }) => text), [
    "8080:127.0.0.1:80",
    "1:db:3",
  ]);
});

const broken: [string, string, string[]][] = [
  ["a key given twice", "hosts:\n  a: {}\n  a: {}\n", [
    `3:3: error: "a" is given twice, first at mesh.yaml:2:3`,
  ]],
  ["an alias of nothing", "hosts: { a: *nope }", [
    `1:13: error: no anchor "nope" stands before this alias`,
  ]],
  ["an alias inside its anchor", "hosts: { a: &a { ports: *a } }", [
    `1:25: error: the alias "a" stands inside its own anchor`,
  ]],
  ["a merge of a list of words", "hosts: { a: { <<: [x] } }", [
    `1:20: error: "<<" merges maps, or a list of maps`,
  ]],
  ["a key that is a list", "hosts: { [a]: {}, b: {} }", [
    `1:10: error: the key of a map must be text`,
  ]],
  ["a quote without an end", "hosts:\n  a:\n    cmd: 'x\n    vip: y\n", [
    `5:1: error: missing closing 'quote; what is not ended begins at mesh.yaml:3:10`,
  ]],
  ["a bracket without an end", "hosts:\n  a:\n    ports: [x,\n    vip: y\n", [
    `4:5: error: flow sequence in block collection must be sufficiently indented and ` +
    `end with a ]; what is not ended begins at mesh.yaml:3:12`,
  ]],
  ["a second document", "hosts: { a: {} }\n---\nhosts: {}\n", [
    `2:1: error: a second document begins here; a manifest is one`,
  ]],
  ["a tab behind spaces", "hosts:\n  a:\n  \tvip: 127.0.42.1\n", [
    `3:3: error: a tab stands where YAML wants spaces`,
  ]],
];
for (const [what, text, expected] of broken) {
  Deno.test(`${what} is located`, () => {
    assert.deepEqual(said(text), expected.map((line) => `mesh.yaml:${line}`));
  });
}

Deno.test("errors before one of syntax are reported with it, guesses behind it are not", () => {
  const found = said("hosts:\n  a: { vip: x }\n  b:\n\tcmd: ''\n  c: { vip: y }\n");
  assert.deepEqual(found, [
    `mesh.yaml:2:13: error: vip "x" is not an IPv4 address, like "127.0.42.100"`,
    `mesh.yaml:4:1: error: a tab stands where YAML wants spaces`,
  ]);
});

Deno.test("what a tab does to the lines behind it is not reported beside the tab", () => {
  assert.deepEqual(said("hosts:\n  a:\n    vip: 127.0.42.1\n\t cmd: x\n  b: {}\n"), [
    `mesh.yaml:4:1: error: a tab stands where YAML wants spaces`,
  ]);
});

Deno.test("all errors of syntax are reported", () => {
  const found = said("hosts:\n\ta: 1\n\tb: 2\nc: [\n");
  assert.deepEqual(found.map((line) => line.split(":")[1]), ["2", "3", "5"]);
});

Deno.test("a fault is placed in its own line, also where the parser has given up", () => {
  assert.match(said(" - \n1e9 \n   \n  routes: \t").join("\n"), /^mesh\.yaml:4:9: /m);
});

Deno.test("tabs that YAML allows are allowed", () => {
  assert.deepEqual(plain("a:\t1\t# one\n\n\t\nb:\n  - 2\n"), { a: 1, b: [2] });
});

Deno.test("aliases that multiply without end are refused, fast", () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 30; i++) {
    lines.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`).join(", ")}]`);
  }
  assert.match(
    said(lines.join("\n")).join(),
    /^mesh.yaml:6:\d+: error: aliases make this/,
  );
});

Deno.test("lists in lists without end are refused", () => {
  assert.match(said("[".repeat(20_000)).join("\n"), /error: .* nested too deeply/);
});

Deno.test("Windows line ends make no difference", () => {
  assert.deepEqual(said("hosts:\r\n  a:\r\n    vip: x\r\n"), [
    `mesh.yaml:3:10: error: vip "x" is not an IPv4 address, like "127.0.42.100"`,
  ]);
});
