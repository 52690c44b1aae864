// The table of glob.ts, and a matcher too simple to be wrong beside it.
import fc from "fast-check";
import assert from "node:assert/strict";
import { hostGlob, hostGlobFault, hostGlobsOverlap } from "./glob.ts";

const table: [string, string[], string[]][] = [
  ["db.example.com", ["db.example.com", "DB.Example.com.", "db.example.com."], [
    "a.db.example.com",
    "db.example.comx",
    "dbxexample.com",
    "",
  ]],
  ["*.example.com", ["a.example.com", "a.b.example.com", "A.EXAMPLE.COM."], [
    "example.com",
    "a.example.com.evil.org",
    "aexample.com",
  ]],
  ["*.EXAMPLE.com.", ["a.example.com"], ["example.com"]],
  ["web-*.internal", ["web-1.internal", "web-.internal", "web-1.lab.internal"], [
    "web.internal",
    "xweb-1.internal",
  ]],
  ["*", ["a", "a.b", ""], []],
  ["**", ["a", ""], []],
  ["a*a", ["aa", "aba"], ["a", "ab", "ba"]],
  ["*db*lab*", ["db-lab", "my-db.lab.local", "labdb.lab"], ["lab.db", "db"]],
  ["a*b*b", ["abb", "axbxb", "abbb"], ["ab", "abx"]],
  // What other globs give a meaning to, NoRouter's do not.
  ["web-?", ["web-?"], ["web-1"]],
  ["[ab].x", ["[ab].x"], ["a.x"]],
  ["{a,b}.x", ["{a,b}.x"], ["a.x"]],
  ["!a", ["!a"], ["b"]],
  ["a.c", ["a.c"], ["abc"]],
  ["*.xn--bcher-kva.example", ["www.bücher.example", "WWW.BÜCHER.example"], []],
];

for (const [pattern, names, others] of table) {
  Deno.test(`the pattern ${pattern} matches what it should`, () => {
    const matches = hostGlob(pattern);
    for (const name of names) assert.ok(matches(name), name);
    for (const name of others) assert.ok(!matches(name), name);
  });
}

/** Every way to divide the name among the pattern's pieces. */
function naive(pattern: string, name: string): boolean {
  if (pattern === "") return name === "";
  if (pattern[0] === "*") {
    return naive(pattern.slice(1), name) ||
      name !== "" && naive(pattern, name.slice(1));
  }
  return pattern[0] === name[0] && naive(pattern.slice(1), name.slice(1));
}

const few = (letters: string) => fc.string({ unit: fc.constantFrom(...letters) });

Deno.test("a match is what trying every division of the name finds", () => {
  fc.assert(
    fc.property(few("ab*-"), few("ab-"), (pattern, name) => {
      assert.equal(hostGlob(pattern)(name), naive(pattern, name));
    }),
    { seed: 42, numRuns: 5000 },
  );
});

Deno.test("patterns overlap when a name matches both, and only then", () => {
  const pattern = few("ab*").filter((text) => text.length <= 5);
  // Five characters with a star have four others, so eight are enough for two patterns.
  const names = [""];
  for (let i = 0; names[i]!.length < 8; i++) names.push(names[i] + "a", names[i] + "b");
  fc.assert(
    fc.property(pattern, pattern, (one, other) => {
      const both = names.some((name) => hostGlob(one)(name) && hostGlob(other)(name));
      assert.equal(hostGlobsOverlap(one, other), both);
    }),
    { seed: 42, numRuns: 500 },
  );
  assert.ok(hostGlobsOverlap("*.example.com", "INTERN.example.com."));
  assert.ok(!hostGlobsOverlap("*.example.com", "example.com"));
});

Deno.test("a hostile pattern takes no longer than its length times the name's", () => {
  const pattern = "*a".repeat(50_000) + "b";
  const name = "a".repeat(60_000);
  const begin = performance.now();
  assert.ok(!hostGlob(pattern)(name));
  assert.ok(!hostGlob("*aab".repeat(20_000))(name));
  assert.ok(performance.now() - begin < 2000);
});

const faults: [string, RegExp][] = [
  ["", /empty/],
  [".", /empty/],
  ["web-?", /"\?" has no meaning in it, "\*" is the only wildcard/],
  ["[ab]", /"\[" has no meaning/],
  ["{a,b}", /"{" has no meaning/],
  ["!a", /"!" has no meaning/],
  ["a b", /" " cannot be part/],
  ["http://x", /":" cannot be part/],
  ["*.bücher.example", /"ü" cannot be part of it; .*xn--/],
  [".example.com", /begins with a dot; write "\*\.example\.com"/],
  ["a..b", /beside another dot/],
  ["x".repeat(64) + ".*", /longer than 63/],
  ["*.x".repeat(100), /longer than 253/],
];
for (const [pattern, reason] of faults) {
  Deno.test(`the pattern ${JSON.stringify(pattern.slice(0, 20))} is faulty`, () => {
    assert.match(hostGlobFault(pattern) ?? "accepted", reason);
  });
}

for (const pattern of ["*", "**", "*.a.b", "a", "a.", "*-*.my_db.*", "10.*"]) {
  Deno.test(`the pattern ${pattern} is not faulty`, () => {
    assert.equal(hostGlobFault(pattern), undefined);
  });
}
