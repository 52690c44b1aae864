import assert from "node:assert/strict";
import { type Cidr, formatCidr, parseCidr, parseIpv4 } from "../wire/ipv4.ts";
import { LEARNT_LIMIT, RoutingTable } from "./table.ts";

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

Deno.test("a host may send from its VIP and from what is routed to it, nothing else", () => {
  const routes = table();
  routes.learn("local", [ip("11.0.0.1")], ip("127.0.42.102"));
  const cases: [string, string, boolean][] = [
    ["local", "127.0.42.100", true],
    ["web", "127.0.42.100", false], // although 0.0.0.0/0 leads to it
    ["local", "8.8.8.8", false],
    ["web", "8.8.8.8", true],
    ["db", "8.8.8.8", false],
    ["db", "10.1.2.3", true], // a later route is narrower, but connections may be older
    ["db", "11.0.0.1", true],
    ["local", "11.0.0.1", false],
    ["stranger", "127.0.42.100", false],
  ];
  for (const [host, address, wanted] of cases) {
    assert.equal(routes.isSource(host, ip(address)), wanted, `${host} ${address}`);
  }
});

Deno.test("the ranges via a host can be told to the agents", () => {
  assert.deepEqual(table().rangesVia("web").map(formatCidr), [
    "10.1.0.0/16",
    "0.0.0.0/0",
    "192.168.0.0/16",
  ]);
  assert.deepEqual(table().rangesVia("local"), []);
});
