/**
 * The table that `norouter up` begins with.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseManifest } from "../../manifest/parse.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { hostTable } from "./table.ts";

Deno.test("the table shows what each host is called, has, publishes and is reached by", () => {
  const text = `
hosts:
  local: {}
  web: { cmd: [docker, exec, -i, "my web", norouter], ports: ["80:a:1", "443:a:2"] }
  box: { docker: box }
  pod: { kubectl: nginx }
  vm: { ssh: me@vm, install: never }
  api: { podman: { container: api, agent: /opt/norouter } }
  up: { ssh: "vm:2222" }
  far: { vip: 127.0.0.2, cmd: ssh ${"x".repeat(100)} }
`;
  const manifest = parseManifest(text, { path: "m", transports: builtinTransports });
  assert.equal(
    hostTable(manifest),
    `HOST   VIP           PORTS    REACHED BY
local  127.0.42.100  -        (this machine)
web    127.0.42.101  80, 443  docker exec -i 'my web' norouter
box    127.0.42.102  -        docker exec -i box (agent sent)
pod    127.0.42.103  -        kubectl exec -i nginx -- (agent sent)
vm     127.0.42.104  -        ssh -T me@vm -- norouter
api    127.0.42.105  -        podman exec -i api /opt/norouter
up     127.0.42.106  -        ssh -T -p 2222 vm -- (agent sent)
far    127.0.0.2     -        ssh ${"x".repeat(55)}…
`,
  );
});

Deno.test("a command of several lines takes one row", () => {
  const text = `hosts: { a: { cmd: [sh, -c, "x\\n  y"] } }`;
  const manifest = parseManifest(text, { path: "m", transports: builtinTransports });
  assert.match(hostTable(manifest), /sh -c 'x y'\n$/);
});
