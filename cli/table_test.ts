// The table that `norouter up` begins with.
import assert from "node:assert/strict";
import { parseManifest } from "../manifest/manifest.ts";
import { builtinTransports } from "../transports/registry.ts";
import { hostTable } from "./table.ts";

Deno.test("the table shows what each host is called, has, publishes and is reached by", () => {
  const text = `
hosts:
  local: {}
  web: { cmd: [docker, exec, -i, "my web", norouter], ports: ["80:a:1", "443:a:2"] }
  far: { vip: 127.0.0.2, cmd: ssh ${"x".repeat(100)} }
`;
  const manifest = parseManifest(text, { path: "m", transports: builtinTransports });
  assert.equal(
    hostTable(manifest),
    `HOST   VIP           PORTS    REACHED BY
local  127.0.42.100  -        (this machine)
web    127.0.42.101  80, 443  docker exec -i 'my web' norouter
far    127.0.0.2     -        ssh ${"x".repeat(55)}…
`,
  );
});

Deno.test("a command of several lines takes one row", () => {
  const text = `hosts: { a: { cmd: [sh, -c, "x\\n  y"] } }`;
  const manifest = parseManifest(text, { path: "m", transports: builtinTransports });
  assert.match(hostTable(manifest), /sh -c 'x y'\n$/);
});
