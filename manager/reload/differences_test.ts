import assert from "node:assert/strict";
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";
import { manifestFromObject } from "../../manifest/parse.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { differences, isNothing } from "./differences.ts";

function read(shape: Record<string, unknown>): Manifest {
  return manifestFromObject(shape, { path: "m", transports: builtinTransports });
}

const web = { vip: "127.0.42.101", docker: "web", ports: ["80:127.0.0.1:80"] };
const base = { hosts: { local: { vip: "127.0.42.100" }, web }, routes: [] };
const before = read(base);

/** By the field of a host: what it is changed to, in the manifest. */
const CHANGES: Readonly<
  Record<keyof HostSpec, readonly [change: Record<string, unknown>, told: string] | null>
> = {
  name: null,
  at: null,
  vipAssigned: null,
  vip: [{ vip: "127.0.42.109" }, "vip"],
  transport: [{ docker: "web2" }, "docker"],
  ports: [{ ports: ["81:127.0.0.1:80"] }, "ports"],
  http: [{ http: { listen: "127.0.0.1:8080" } }, "http"],
  socks: [{ socks: { listen: "127.0.0.1:1080" } }, "socks"],
  loopback: [{ loopback: { disable: true } }, "loopback"],
  stateDir: [{ stateDir: { disable: true } }, "stateDir"],
  egress: [{ egress: ["tcp:5432:local:5432"] }, "egress"],
  aliases: [{ aliases: ["www"] }, "aliases"],
  resolveFor: [{ resolveFor: ["local"] }, "resolveFor"],
  writeEtcHosts: [{ writeEtcHosts: true }, "writeEtcHosts"],
  connectTimeout: [{ connectTimeout: "1s" }, "connectTimeout"],
  resume: [{ resume: "off" }, "resume"],
  install: [{ install: "never" }, "install"],
  installPath: [{ installPath: "/opt" }, "installPath"],
};

for (const [field, change] of Object.entries(CHANGES)) {
  if (!change) continue;
  Deno.test(`a changed ${field} of a host is told by the manifest's word for it`, () => {
    const after = read({
      ...base,
      hosts: { ...base.hosts, web: { ...web, ...change[0] } },
    });
    const { changed, ...rest } = differences(before, after);
    assert.deepEqual(changed, [{ host: "web", fields: [change[1]] }]);
    const none = { added: [], removed: [], routes: false, policy: false };
    assert.deepEqual(rest, none);
  });
}

Deno.test("ingress is told as the ports that it is", () => {
  const ingress = ["tcp:81:127.0.0.1:80"];
  const after = read({ ...base, hosts: { ...base.hosts, web: { ...web, ingress } } });
  const { changed } = differences(before, after);
  assert.deepEqual(changed, [{ host: "web", fields: ["ports"] }]);
});

Deno.test("a changed policy is told, and that of no host", () => {
  const deny = { from: ["*"], to: ["*"], action: "deny" };
  const allow = { from: ["local"], to: ["web"], action: "allow" };
  const [one, other] = [[deny], [allow, deny]].map((policy) => read({ ...base, policy }));
  for (const [from, to] of [[before, one!], [one!, other!], [one!, before]] as const) {
    const { changed, policy } = differences(from, to);
    assert.deepEqual([changed, policy], [[], true]);
  }
  assert.ok(isNothing(differences(one!, read({ ...base, policy: [deny] }))));
});

Deno.test("hosts come and go, and routes change", () => {
  const { local } = base.hosts;
  const after = read({
    hosts: { local, db: { docker: "db" } },
    routes: [{ via: "db", to: ["10.0.0.0/8"] }],
  });
  assert.deepEqual(differences(before, after), {
    added: ["db"],
    removed: ["web"],
    changed: [],
    routes: true,
    policy: false,
  });
});

Deno.test("another place in the file, or another way to write it, is nothing", () => {
  const at = { file: "m", line: 7, column: 1 };
  const hosts = before.hosts.map((host) => ({
    ...host,
    at,
    ports: host.ports.map((port) => ({ ...port, at, text: "0080:127.0.0.1:80" })),
  }));
  assert.ok(isNothing(differences(before, { ...before, path: "n", hosts })));
  assert.ok(!isNothing(differences(before, read({ hosts: { web } }))));
});
