/**
 * Whatever is given as a manifest, the answer is a manifest or a located error.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { transports } from "./_said.ts";
import { ManifestError } from "./source/diagnostic.ts";
import type { Manifest } from "./manifest.ts";
import { manifestFromObject, parseManifest } from "./parse.ts";

const options = { path: "mesh.yaml", transports };
const seed = 42;

const RIGHT = `
hostTemplate: &t { ports: ["8080:127.0.0.1:80"], connectTimeout: 5s }
hosts:
  local: { vip: "127.0.42.100", aliases: [a.b], loopback: { disable: yes }, egress: ["tcp:1:web:8080"] }
  web:
    <<: *t
    cmd: "docker exec -i web norouter"
    http: { listen: ":80", auth: { username: u, password: p } }
routes:
  - { via: web, to: ["0.0.0.0/0", "*.cluster.local"], notTo: ["10.0.0.0/8", "*.a.*"] }
policy:
  - { from: [local, 127.0.0.0/8], to: [web, "*.local"], ports: [80, 1-9/tcp], action: deny }
`;

function answers(make: () => Manifest): void {
  try {
    const { hosts } = make();
    assert.ok(hosts.length > 0, "a manifest without hosts");
    assert.equal(new Set(hosts.map(({ vip }) => vip)).size, hosts.length, "a VIP twice");
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    assert.ok(error.message.length > 0, "an error that says nothing");
  }
}

Deno.test("a right manifest with pieces replaced is read or refused", () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 4, unit: "binary" }),
    fc.constantFrom(...[
      "\t",
      "\n",
      ": ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      "'",
      '"',
      "&t ",
      "*t",
    ]),
    fc.constantFrom(...["<<: ", "!x ", "|\n", "? ", "---\n", "#", "null", "1e9", "0x1"]),
  );
  const edit = fc.tuple(fc.nat(RIGHT.length), fc.nat(12), piece);
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
      let text = RIGHT;
      for (const [at, length, by] of edits) {
        text = text.slice(0, at) + by + text.slice(at + length);
      }
      answers(() => parseManifest(text, options));
    }),
    { seed, numRuns: 2000 },
  );
});

Deno.test("any text is read or refused", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(fc.property(text, (text) => answers(() => parseManifest(text, options))), {
    seed,
    numRuns: 500,
  });
});

Deno.test("any object is read or refused", () => {
  const anything = fc.anything({
    key: fc.oneof(
      fc.constantFrom("hosts", "hostTemplate", "routes", "ports", "cmd", "vip", "http"),
      fc.constantFrom("listen", "auth", "username", "password", "passwordEnv", "notTo"),
      fc.constantFrom("to", "via", "__proto__", "constructor", "toString"),
    ),
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  fc.assert(
    fc.property(anything, anything, (some, other) => {
      answers(() => manifestFromObject(some, options));
      answers(() => manifestFromObject({ hosts: { a: some, b: other } }, options));
    }),
    { seed, numRuns: 2000 },
  );
});
