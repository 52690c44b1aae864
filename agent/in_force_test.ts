import assert from "node:assert/strict";
import type { ConfigureArgs, ExtendArgs } from "../wire/control/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { configurationOf } from "./configuration.ts";
import { InForce } from "./in_force.ts";

const ME = "127.0.42.100";
const OTHER = "127.0.42.101";
const INSIDE = parseIpv4("192.168.95.7")!;
const routes = [{ via: ME, toCIDR: [], toHostnameGlob: ["*.internal"] }];

function configuration(more: Partial<ConfigureArgs> = {}, extend: ExtendArgs = {}) {
  const hostnameMap = { me: ME, other: OTHER };
  const args = { me: ME, forwards: [], others: [], hostnameMap, routes, ...more };
  return configurationOf(args, extend);
}

Deno.test("addresses that were given for names of a route stay until routes are others", () => {
  const inForce = new InForce(configuration());
  inForce.foreign.note("wiki.internal", [INSIDE]);
  assert.equal(inForce.foreign.allows(INSIDE), true);
  const forwards = [
    { listen_port: 1, connect_ip: "a", connect_port: 1, proto: "tcp" } as const,
  ];
  const changes = inForce.swap(configuration({ forwards }));
  assert.deepEqual(changes, { files: false, directory: false });
  assert.equal(inForce.foreign.allows(INSIDE), true);
  assert.equal(inForce.swap(configuration({ routes: [] })).directory, true);
  assert.equal(inForce.foreign.allows(INSIDE), false);
});

Deno.test("an address that is a host's from now on is dialled for nobody", () => {
  const inForce = new InForce(configuration());
  inForce.foreign.note("wiki.internal", [INSIDE]);
  inForce.swap(configuration({ hostnameMap: { other: "192.168.95.7" } }));
  assert.equal(inForce.foreign.allows(INSIDE), false);
});

Deno.test("who may ask the name server is asked of the configuration of now", () => {
  const inForce = new InForce(configuration());
  const mayAsk = (name: string) => inForce.namePolicy.mayAsk(parseIpv4(OTHER)!, name);
  assert.deepEqual([mayAsk("wiki.internal"), mayAsk("example.com")], [true, false]);
  inForce.swap(configuration({}, { resolveFor: [OTHER] }));
  assert.equal(mayAsk("example.com"), true);
  inForce.swap(configuration({ routes: [] }));
  assert.deepEqual([mayAsk("wiki.internal"), mayAsk("example.com")], [false, false]);
});

Deno.test("exceptions and aliases are of the configuration that has them", () => {
  const inForce = new InForce(configuration());
  const exceptions = [{ route: 0, hostnames: ["not.internal"] }];
  const extend = { exceptions, aliases: ["me"] };
  const names = { me: ME, self: ME };
  assert.deepEqual(inForce.swap(configuration({ hostnameMap: names }, extend)), {
    files: true,
    directory: true,
  });
  const { directory } = inForce.configuration;
  assert.deepEqual(directory.namesOf(parseIpv4(ME)!), ["self", "me"]);
  assert.equal(directory.mine.takes("not.internal"), false);
  inForce.swap(configuration());
  assert.equal(inForce.configuration.directory.mine.takes("not.internal"), true);
});

Deno.test("a proxy with a password takes the place of the one without", () => {
  const http = { listen: "127.0.0.1:1" };
  const auth = { username: "me", password: "open sesame" };
  assert.deepEqual(configuration({ http }).http, http);
  const extended = configuration({ http }, { http: { ...http, auth } });
  assert.deepEqual(extended.http, { ...http, auth });
  assert.equal(configuration({ http: { listen: "" } }).http, undefined);
});
