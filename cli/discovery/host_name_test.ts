/**
 * The table of host_name.ts, and that whatever comes out is a host name.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { hostNameFault } from "../../manifest/names.ts";
import { takeHostName } from "./host_name.ts";

const TABLE: [string, string][] = [
  ["web_1", "web_1"],
  ["db.example.com", "db-example-com"],
  ["10.0.0.5", "10-0-0-5"],
  ["My Büro!", "my-b-ro"],
  ["-", "host"],
  ["", "host"],
  ["localhost", "localhost-2"],
  ["x".repeat(100), "x".repeat(63)],
];

for (const [base, name] of TABLE) {
  Deno.test(`a host is called ${name} after "${base.slice(0, 20)}"`, () => {
    assert.equal(takeHostName(base, new Set()), name);
  });
}

Deno.test("a name that is taken gets a number, and stays short enough", () => {
  const taken = new Set<string>();
  const names = ["web", "Web", "web", "y".repeat(70), "y".repeat(70)].map((base) =>
    takeHostName(base, taken)
  );
  assert.deepEqual(names, [
    "web",
    "web-2",
    "web-3",
    "y".repeat(63),
    `${"y".repeat(61)}-2`,
  ]);
});

Deno.test("whatever things are called, their host names are valid and unique", () => {
  const base = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom("a", "-", ".", "_") }),
  );
  fc.assert(fc.property(fc.array(base, { maxLength: 20 }), (bases) => {
    const taken = new Set<string>();
    const names = bases.map((base) => takeHostName(base, taken));
    for (const name of names) assert.equal(hostNameFault(name), undefined, name);
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, bases.length);
  }));
});
