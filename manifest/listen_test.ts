/**
 * The table of listen.ts, and proxies that are open to a network.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, saidBy } from "./_said.ts";
import { parseListen } from "./listen.ts";

const accepted: [string, string, boolean][] = [
  ["127.0.0.1:18080", "127.0.0.1", true],
  ["127.9.9.9:18080", "127.9.9.9", true],
  ["localhost:18080", "localhost", true],
  ["[::1]:18080", "::1", true],
  ["[0:0:0:0:0:0:0:1]:18080", "0:0:0:0:0:0:0:1", true],
  [":18080", "0.0.0.0", false],
  ["0.0.0.0:18080", "0.0.0.0", false],
  ["[::]:18080", "::", false],
  ["10.0.0.5:18080", "10.0.0.5", false],
  ["proxy.example.com:18080", "proxy.example.com", false],
];

for (const [text, hostname, loopback] of accepted) {
  Deno.test(`${text} is ${loopback ? "loopback only" : "open to a network"}`, () => {
    assert.deepEqual(parseListen(text), { hostname, port: 18080, loopback });
  });
}

for (const text of ["127.0.0.1", "18080", "127.0.0.1:0", "127.0.0.1:99999", "::1:80"]) {
  Deno.test(`${text} is not an address to listen on`, () => {
    assert.match(
      String(parseListen(text)),
      /is not an address to listen on.*; wanted ADD/,
    );
  });
}

Deno.test("an address with a user in it is refused without showing it", () => {
  const reason = String(parseListen("u:hunter2@127.0.0.1:1"));
  assert.match(reason, /has no user in it; wanted ADDRESS:PORT, and "auth"/);
  assert.doesNotMatch(reason, /hunter2/);
});

Deno.test("a proxy without a password beyond loopback is a warning that check fails on", () => {
  const { warnings } = read(`hosts: { a: { socks: { listen: "0.0.0.0:1080" } } }`);
  const strict = warnings.filter(({ failsCheck }) => failsCheck);
  assert.equal(strict.length, 1);
  assert.match(strict[0]!.message, /"0.0.0.0:1080" lets whoever .* use the socks proxy/);
});

Deno.test("a host turns a proxy of the template off with an empty address", () => {
  const { hosts } = read(`
hostTemplate: { http: { listen: "127.0.0.1:18080" } }
hosts:
  a: {}
  b: { cmd: b, http: { listen: "" } }
  c: { cmd: c, http: { listen: "127.0.0.1:1" } }
`);
  const listens = hosts.map(({ http }) => http?.listen);
  assert.deepEqual(listens, ["127.0.0.1:18080", undefined, "127.0.0.1:1"]);
});

Deno.test("an address to listen on that is none is located", () => {
  const found = saidBy(() => read(`hosts: { a: { http: { listen: 18080 } } }`));
  assert.match(found.join("\n"), /^mesh.yaml:1:31: error: "18080" is not an address/m);
});
