/**
 * What is a host name, and that names and aliases are unique together.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, said } from "./_said.ts";
import { hostNameFault } from "./names.ts";

for (const name of ["web", "WEB-1", "my_db", "a.b.example.com", "1", "x".repeat(63)]) {
  Deno.test(`${name} is a host name`, () => assert.equal(hostNameFault(name), undefined));
}

const refused: [string, RegExp][] = [
  ["", /empty/],
  ["a b", /" " cannot/],
  ["wéb", /"é" cannot/],
  ["😀", /"😀" cannot/],
  ["web:80", /":" cannot/],
  ["-web", /begins or ends with "-"/],
  ["web-.example", /"web-" begins or ends/],
  [".web", /dot/],
  ["a..b", /dot/],
  ["10.0.0.1", /address/],
  ["x".repeat(64), /longer than 63/],
  ["x.".repeat(127), /longer than 253/],
];
for (const [name, reason] of refused) {
  Deno.test(`${JSON.stringify(name.slice(0, 20))} is not a host name`, () => {
    assert.match(hostNameFault(name) ?? "accepted", reason);
  });
}

Deno.test("names and aliases are unique together, whatever their case", () => {
  const found = said(`
hosts:
  web: { aliases: [www.example.com, db] }
  db: { cmd: x, aliases: [WWW.example.com.] }
`);
  assert.deepEqual(found, [
    `mesh.yaml:4:3: error: the name "db" is already taken at mesh.yaml:3:37`,
    `mesh.yaml:4:27: error: the name "WWW.example.com" is already taken at mesh.yaml:3:20`,
  ]);
});

Deno.test("an alias may be written with the dot that ends complete names", () => {
  const { hosts } = read("hosts: { web: { aliases: [web.example.com.] } }");
  assert.deepEqual(hosts[0]!.aliases, ["web.example.com"]);
});

Deno.test("a host whose name is none is located", () => {
  assert.deepEqual(said(`hosts: { "a b": {} }`), [
    `mesh.yaml:1:10: error: "a b" is not a host name: " " cannot be part of it`,
  ]);
});
