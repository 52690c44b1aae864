/**
 * What is said of disabled loopback, which is often just right.
 *
 * @module
 */
import assert from "node:assert/strict";
import { said } from "./_said.ts";

const off = "loopback: { disable: true }";
const ports = 'ports: ["80:a:80"]';
const proxy = 'socks: { listen: "127.0.0.1:1" }';

const nothing = "nothing can be reached in this mesh";
const noOther = 'no other host can reach the ports of "a"';
const noPorts = 'nothing is published in this mesh: no host has "ports"';
const noPart = '"b" has no part in this mesh';

const table: [string, string, string, string | undefined][] = [
  [
    "a server that nobody of its machine uses the mesh from",
    "",
    `${off}, ${ports}`,
    undefined,
  ],
  [
    "a server beside a host with a proxy",
    `${off}, ${proxy}`,
    `${off}, ${ports}`,
    undefined,
  ],
  ["nobody with loopback or a proxy", `${off}, ${ports}`, off, nothing],
  ["a template that disables all", off, `${off}, ${ports}`, nothing],
  ["ports that no other host reaches", ports, `${off}, ${ports}`, noOther],
  ["ports that another host reaches by proxy", ports, `${off}, ${proxy}`, undefined],
  ["a host without ports, loopback and proxy", "", off, noPart],
  [
    "a host without ports and loopback, with a proxy",
    ports,
    `${off}, ${proxy}`,
    undefined,
  ],
  ["hosts of which none has ports", "", proxy, noPorts],
];

for (const [what, a, b, expected] of table) {
  Deno.test(`${what}: ${expected ?? "nothing is said"}`, () => {
    const found = said(`hosts:
  a: { ${a} }
  b: { ${["cmd: x", b].filter(Boolean).join(", ")} }
`);
    const [line] = found;
    assert.ok(found.length === (expected ? 1 : 0), found.join("\n"));
    assert.ok(expected === undefined || line!.includes(`warning: ${expected}`), line);
  });
}

Deno.test("a host that a route goes via has a part in the mesh", () => {
  assert.deepEqual(
    said(`
hosts: { a: { ${proxy} }, b: { cmd: x, ${off} } }
routes: [{ via: b, to: [10.0.0.0/8] }]
`),
    [],
  );
});

Deno.test("a mesh of one host is told of disabled loopback, at its name", () => {
  const found = said(`hosts: { a: { ${off}, ${ports} } }`);
  assert.match(found.join("\n"), /^mesh\.yaml:1:10: warning: nothing can be reached/);
});
