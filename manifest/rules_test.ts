import assert from "node:assert/strict";
import { manifestFromObject } from "./parse.ts";
import { changes, type Rules, rulesOf } from "./rules.ts";
import { formatIpv4, parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";

const HOSTS = {
  laptop: { vip: "127.0.42.100" },
  web: { fake: {}, vip: "127.0.42.101", ports: ["8080:127.0.0.1:80"], aliases: ["www"] },
  bastion: { fake: {}, vip: "127.0.42.102" },
};
const ROUTES = [
  { via: "bastion", to: ["10.0.0.0/8", "*.internal"], notTo: ["10.9.0.0/16"] },
  { via: "web", to: ["10.1.0.0/16"] },
];

function rules(
  hosts: Record<string, unknown> = HOSTS,
  routes: unknown[] = ROUTES,
): Rules {
  const fake = { name: "fake", parse: (spec: unknown) => spec };
  return rulesOf(manifestFromObject({ hosts, routes }, {
    path: "mesh.yaml",
    transports: new Map([["fake", fake]]),
  }));
}

const nothing = { added: [], removed: [] };
const same = {
  hosts: nothing,
  ports: nothing,
  routes: nothing,
  routesReordered: false,
  names: nothing,
};

Deno.test("rules say what a manifest says of hosts, ports, routes and names", () => {
  const vip = (text: string) => parseIpv4(text)!;
  assert.deepEqual(rules(), {
    version: 1,
    hosts: [
      { name: "laptop", vip: vip("127.0.42.100") },
      { name: "web", vip: vip("127.0.42.101") },
      { name: "bastion", vip: vip("127.0.42.102") },
    ],
    ports: [{
      host: "web",
      listenPort: 8080,
      connectHost: "127.0.0.1",
      connectPort: 80,
      proto: "tcp",
    }],
    routes: [
      {
        via: "bastion",
        cidrs: [parseCidr("10.0.0.0/8")],
        globs: ["*.internal"],
        notCidrs: [parseCidr("10.9.0.0/16")],
        notGlobs: [],
      },
      {
        via: "web",
        cidrs: [parseCidr("10.1.0.0/16")],
        globs: [],
        notCidrs: [],
        notGlobs: [],
      },
    ],
    names: [
      { name: "laptop", host: "laptop" },
      { name: "web", host: "web" },
      { name: "www", host: "web" },
      { name: "bastion", host: "bastion" },
    ],
    policy: [],
  });
});

Deno.test("nobody can change rules, and the same manifest makes the same", () => {
  const made = rules();
  assert.throws(() => (made.hosts as unknown[]).push({}), TypeError);
  assert.throws(() => Object.assign(made.routes[0]!.cidrs[0]!, { prefix: 0 }), TypeError);
  assert.deepEqual(changes(made, rules()), same);
});

Deno.test("what was added and what was removed is told by value", () => {
  const { web, ...others } = HOSTS;
  const to = rules({
    ...others,
    web: { ...web, ports: ["8081:127.0.0.1:80"], aliases: ["shop"] },
    api: { fake: {}, vip: "127.0.42.110" },
  }, [{ via: "api", to: ["10.1.0.0/16"] }, ROUTES[0]]);
  const { hosts, ports, routes, names, routesReordered } = changes(rules(), to);
  assert.deepEqual(hosts, {
    added: [{ name: "api", vip: parseIpv4("127.0.42.110") }],
    removed: [],
  });
  const listening = (rules: readonly { listenPort: number }[]) =>
    rules.map(({ listenPort }) => listenPort);
  assert.deepEqual([listening(ports.added), listening(ports.removed)], [[8081], [8080]]);
  const via = (rules: readonly { via: string }[]) => rules.map(({ via }) => via);
  assert.deepEqual([via(routes.added), via(routes.removed)], [["api"], ["web"]]);
  assert.equal(routesReordered, false);
  assert.deepEqual(names, {
    added: [{ name: "shop", host: "web" }, { name: "api", host: "api" }],
    removed: [{ name: "www", host: "web" }],
  });
});

Deno.test("a host with another address is another host", () => {
  const to = rules({ ...HOSTS, web: { ...HOSTS.web, vip: "127.0.42.111" } });
  const { hosts: { added, removed }, ports, names } = changes(rules(), to);
  assert.deepEqual([removed, added].map(([host]) => formatIpv4(host!.vip)), [
    "127.0.42.101",
    "127.0.42.111",
  ]);
  assert.deepEqual([ports, names], [nothing, nothing]);
});

Deno.test("routes in another order are a change, and so is one less of the same", () => {
  const turned = rules(HOSTS, ROUTES.toReversed());
  assert.deepEqual(changes(rules(), turned), { ...same, routesReordered: true });
  const twice = rules(HOSTS, [...ROUTES, ROUTES[1]]);
  assert.deepEqual(changes(twice, rules()), {
    ...same,
    routes: { added: [], removed: [rules().routes[1]] },
  });
});
