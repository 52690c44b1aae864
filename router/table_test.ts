import assert from "node:assert/strict";
import { type Cidr, parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";
import { LEARNT_LIMIT } from "./suggestions.ts";
import { RoutingTable } from "./table.ts";

const ip = (text: string) => parseIpv4(text)!;
const ranges = (...texts: string[]): Cidr[] => texts.map((text) => parseCidr(text)!);

function table() {
  return new RoutingTable(
    [
      { name: "local", vip: ip("127.0.42.100") },
      { name: "web", vip: ip("127.0.42.101") },
      { name: "db", vip: ip("127.0.42.102") },
    ],
    [
      { via: "web", cidrs: ranges("0.0.0.0/0", "192.168.0.0/16") },
      { via: "db", cidrs: ranges("10.0.0.0/8") },
      { via: "web", cidrs: ranges("10.1.0.0/16") },
    ],
  );
}

Deno.test("a VIP goes first, then the ranges, the last match first", () => {
  const cases: [string, string][] = [
    ["127.0.42.100", "local"],
    ["127.0.42.102", "db"],
    ["10.1.2.3", "web"],
    ["10.2.2.3", "db"],
    ["8.8.8.8", "web"],
  ];
  for (const [address, host] of cases) {
    assert.equal(table().lookup("local", ip(address)), host, address);
  }
});

Deno.test("without routes only the VIPs lead anywhere", () => {
  const plain = new RoutingTable([{ name: "web", vip: ip("127.0.42.101") }]);
  assert.equal(plain.lookup("web", ip("127.0.42.101")), "web");
  assert.equal(plain.lookup("web", ip("127.0.42.103")), undefined);
});

Deno.test("a suggestion goes before the ranges, for the agent that made it", () => {
  const routes = table();
  assert.equal(routes.learn("local", [ip("10.1.2.3")], ip("127.0.42.102")), 1);
  assert.equal(routes.lookup("local", ip("10.1.2.3")), "db");
  assert.equal(routes.lookup("db", ip("10.1.2.3")), "web");
  routes.forget("local");
  assert.equal(routes.lookup("local", ip("10.1.2.3")), "web");
});

Deno.test("a suggestion for a VIP, or towards a host no route names, does not count", () => {
  const routes = table();
  assert.equal(routes.learn("web", [ip("127.0.42.102")], ip("127.0.42.101")), 0);
  assert.equal(routes.lookup("web", ip("127.0.42.102")), "db");
  assert.equal(routes.learn("web", [ip("9.9.9.9")], ip("127.0.42.100")), 0);
  assert.equal(routes.learn("web", [ip("9.9.9.9")], ip("127.0.42.200")), 0);
  assert.equal(routes.lookup("web", ip("9.9.9.9")), "web");
});

Deno.test("a route with patterns only may be suggested, too", () => {
  const routes = new RoutingTable(
    [{ name: "a", vip: 1 }, { name: "b", vip: 2 }],
    [{ via: "b", cidrs: [] }],
  );
  assert.equal(routes.learn("a", [ip("9.9.9.9")], 2), 1);
  assert.equal(routes.lookup("a", ip("9.9.9.9")), "b");
});

Deno.test("the last 512 suggestions are remembered, per agent", () => {
  const routes = new RoutingTable(
    [{ name: "a", vip: 1 }, { name: "b", vip: 2 }],
    [{ via: "b", cidrs: [] }],
  );
  const base = ip("9.0.0.0");
  const all = Array.from({ length: LEARNT_LIMIT }, (_, i) => base + i);
  routes.learn("a", all, 2);
  routes.learn("a", [base], 2); // said again: the youngest now
  routes.learn("a", [base + LEARNT_LIMIT], 2);
  routes.learn("b", all, 2);
  assert.equal(routes.lookup("a", base), "b");
  assert.equal(routes.lookup("a", base + 1), undefined);
  assert.equal(routes.lookup("a", base + 2), "b");
  assert.equal(routes.lookup("a", base + LEARNT_LIMIT), "b");
});

Deno.test("a route does not match what it excepts, and earlier ones are tried", () => {
  const routes = new RoutingTable(
    [{ name: "local", vip: 1 }, { name: "web", vip: 2 }, { name: "db", vip: 3 }],
    [
      { via: "web", cidrs: ranges("10.0.0.0/8"), notCidrs: [] },
      {
        via: "db",
        cidrs: ranges("0.0.0.0/0", "10.1.0.0/16"),
        notCidrs: ranges("10.1.2.0/24", "11.0.0.0/8"),
      },
    ],
  );
  const cases: [string, string | undefined][] = [
    ["10.1.2.3", "web"],
    ["10.1.3.3", "db"],
    ["10.2.2.3", "db"],
    ["11.0.0.1", undefined],
    ["12.0.0.1", "db"],
  ];
  for (const [address, host] of cases) {
    assert.equal(routes.lookup("local", ip(address)), host, address);
  }
  assert.equal(routes.learn("local", [ip("11.0.0.1")], 3), 1);
  assert.equal(routes.lookup("local", ip("11.0.0.1")), "db", "a suggestion is no range");
  assert.equal(routes.isBehind("db", ip("10.1.2.3")), false);
});

Deno.test("an address is behind each host that some range leads to for it", () => {
  const routes = table();
  routes.learn("local", [ip("11.0.0.1")], ip("127.0.42.102"));
  const cases: [string, string, boolean][] = [
    ["local", "8.8.8.8", false],
    ["web", "8.8.8.8", true],
    ["db", "8.8.8.8", false],
    ["db", "10.1.2.3", true], // although a later route is narrower
    ["web", "10.1.2.3", true],
    ["db", "11.0.0.1", false], // suggested only
  ];
  for (const [host, address, wanted] of cases) {
    assert.equal(routes.isBehind(host, ip(address)), wanted, `${host} ${address}`);
  }
});

Deno.test("hosts, their VIPs, and those that dial for others are known", () => {
  const routes = table();
  assert.equal(routes.ownerOf(ip("127.0.42.101")), "web");
  assert.equal(routes.ownerOf(ip("10.1.2.3")), undefined);
  assert.equal(routes.vipOf("web"), ip("127.0.42.101"));
  assert.equal(routes.vipOf("stranger"), undefined);
  assert.deepEqual(["web", "local"].map((host) => routes.isVia(host)), [true, false]);
});

Deno.test("the names of a suggestion stay with its address, the latest eight", () => {
  const hosts = [{ name: "a", vip: 1 }, { name: "b", vip: 2 }, { name: "c", vip: 3 }];
  const routes = ["b", "c"].map((via) => ({ via, cidrs: [] }));
  const table = new RoutingTable(hosts, routes);
  const address = ip("9.9.9.9");
  const learn = (via: number, ...names: string[]) =>
    table.learn("a", [address], via, names);
  assert.deepEqual(table.namesOf("a", address), []);
  learn(2, "one");
  learn(2, "two");
  learn(2, "one");
  learn(2); // as an agent that tells no names
  assert.deepEqual(table.namesOf("a", address), ["two", "one"]);
  assert.deepEqual(table.namesOf("b", address), [], "each agent for itself");
  const known = table.namesOf("a", address);
  learn(2, "one");
  assert.equal(table.namesOf("a", address), known, "the same list while nothing is new");
  for (let at = 0; at < 8; at++) learn(2, `n${at}`);
  assert.deepEqual(
    table.namesOf("a", address),
    Array.from({ length: 8 }, (_, at) => `n${at}`),
  );
  learn(3, "three");
  assert.deepEqual(
    table.namesOf("a", address),
    ["three"],
    "of another host they are others",
  );
});
