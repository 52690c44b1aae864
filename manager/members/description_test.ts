import assert from "node:assert/strict";
import { base, type Shape, SwapBench } from "./_swap_bench.ts";

/** The manifest with fields of `b` changed. */
const withB = (fields: Record<string, unknown>): Shape => ({
  ...base,
  hosts: { ...base.hosts, b: { ...base.hosts.b, ...fields } },
});
const proxy = (password: string) => ({
  listen: "127.0.0.1:8080",
  auth: { username: "u", password },
});
const { a, b, c } = base.hosts as Required<typeof base.hosts>;
const hosts = base.hosts;
const ownRoute = { via: "b", to: ["10.0.0.0/8", "*.internal"] };

// What changes, from, to, and the hosts that are started anew.
const table: readonly (readonly [string, Shape, Shape, string])[] = [
  ["nothing", base, { ...base }, ""],
  ["the order of hosts", base, { ...base, hosts: { c: c!, a: a!, b: b! } }, ""],
  ["an alias", base, withB({ aliases: ["other"] }), ""],
  ["the value of a transport", base, withB({ fake: { version: "2" } }), "b"],
  ["an address", base, withB({ vip: "127.0.42.109" }), "b"],
  ["a port", base, withB({ ports: ["81:127.0.0.1:8080"] }), "b"],
  ["the target of a port", base, withB({ ports: ["80:127.0.0.1:8081"] }), "b"],
  [
    "a port that is written otherwise",
    base,
    withB({ ports: ["80:127.0.0.1:8080/tcp"] }),
    "",
  ],
  ["a proxy", base, withB({ http: { listen: "127.0.0.1:8080" } }), "b"],
  ["its password", withB({ socks: proxy("x") }), withB({ socks: proxy("y") }), "b"],
  ["loopback", base, withB({ loopback: { disable: true } }), "b"],
  ["the folder of its state", base, withB({ stateDir: { pathOnAgent: "/tmp/x" } }), "b"],
  ["its hosts file", base, withB({ writeEtcHosts: true }), "b"],
  ["its time to connect", base, withB({ connectTimeout: "3s" }), ""],
  ["for whom it resolves", base, withB({ resolveFor: ["a"] }), "b"],
  [
    "the address of the host for which it resolves",
    withB({ resolveFor: ["a"] }),
    {
      hosts: { ...withB({ resolveFor: ["a"] }).hosts, a: { ...a, vip: "127.0.42.109" } },
      routes: [ownRoute],
    },
    "a b",
  ],
  [
    "a range behind it",
    base,
    { hosts, routes: [{ ...ownRoute, to: ["11.0.0.0/8"] }] },
    "b",
  ],
  [
    "a name behind it",
    base,
    { hosts, routes: [{ ...ownRoute, to: ["10.0.0.0/8"] }] },
    "b",
  ],
  [
    "an exception",
    base,
    { hosts, routes: [{ ...ownRoute, notTo: ["x.internal"] }] },
    "b",
  ],
  ["a route that moves", base, { hosts, routes: [{ ...ownRoute, via: "c" }] }, "b c"],
  [
    "a route of another host",
    base,
    { hosts, routes: [ownRoute, { via: "c", to: ["10.1.0.0/16"] }] },
    "c",
  ],
];

for (const [what, from, to, anew] of table) {
  Deno.test(`a change of ${what} starts anew: ${anew || "none"}`, async () => {
    await using bench = await new SwapBench().start({ ...from });
    const before = new Map(bench.mesh.hosts);
    const manifest = await bench.swapped(to);
    const names = [...before].filter(([name, host]) =>
      bench.mesh.hosts.get(name) !== host
    )
      .map(([name]) => name);
    assert.equal(names.join(" "), anew);
    const opened = bench.opened.slice(3).sort().join(" ");
    assert.equal(opened, anew, "and only those get another link");
    assert.deepEqual([...bench.mesh.hosts.keys()], Object.keys(to.hosts));
    for (const spec of manifest.hosts) {
      assert.equal(
        bench.running.hosts.get(spec.name)!.spec,
        spec,
        "all go by their new entry",
      );
    }
  });
}
