/**
 * Texts that would keep a parser busy are refused before they are parsed, with their place;
 * the largest meshes are not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, said } from "../_said.ts";
import { excessOf, MOST_ANCHORS, MOST_LEVELS, MOST_TOKENS } from "./bounds.ts";

/** Milliseconds that a text within the bounds may take on a busy machine; a tenth is usual. */
const MOST_MS = 20_000;

const TOO_DEEP = /nested too deeply here: more than 64 in each other/;
const TOO_MANY = /more than 250000 parts/;

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

const refused: [string, string, string, RegExp][] = [
  ["brackets in each other", "{".repeat(50_000), "1:64", TOO_DEEP],
  ["brackets in each other in lines", "[\n".repeat(50_000), "64:1", TOO_DEEP],
  [
    "brackets behind text that looks like a quote",
    `a: b "\n  '\nc: ${"[".repeat(99)}`,
    "3:67",
    TOO_DEEP,
  ],
  ["keys by question marks", "? ".repeat(50_000), "1:129", TOO_DEEP],
  ["items in items of a line", "- ".repeat(50_000), "1:129", TOO_DEEP],
  ["colons in a line", "a: ".repeat(20_000), "1:191", TOO_DEEP],
  ["colons without commas in brackets", `{${"a: ".repeat(20_000)}}`, "1:189", TOO_DEEP],
  [
    "lines indented more and more",
    lines(2000, (i) => " ".repeat(i) + "a:"),
    "64:65",
    TOO_DEEP,
  ],
  [
    "lines with two colons",
    "a: b:\n".repeat(5000),
    "65:5",
    /a second colon .* as in 64 lines before/,
  ],
  [
    "anchors",
    lines(40_000, (i) => `x-${i}: &a${i} 1`),
    "1001:9",
    /anchor, "&a1000", is one more than the 1000/,
  ],
  [
    "extensions",
    lines(100_000, (i) => `x-${i}: { a: 1, b: [1, 2] }`),
    "15626:1",
    TOO_MANY,
  ],
  ["commas", `a: [${"1,".repeat(500_000)}]`, "1:250002", TOO_MANY],
  ["comments", "#\n".repeat(500_000), "125001:1", TOO_MANY],
  ["tags", `a: [${"!x y,".repeat(100_000)}]`, "1:416668", TOO_MANY],
];
for (const [what, text, place, pattern] of refused) {
  Deno.test(`${what}, too many of them, are refused with their place`, () => {
    const found = said(text);
    assert.equal(found.length, 1, found.join("\n").slice(0, 500));
    assert.match(found[0]!, pattern);
    assert.equal(found[0]!.split(": ")[0], `mesh.yaml:${place}`);
  });
}

Deno.test("what is right up to the bounds is read", () => {
  const depth = MOST_LEVELS - 1;
  const allowed = [
    `x-a: ${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}`,
    lines(depth, (i) => " ".repeat(i) + "x-a:"),
    lines(MOST_ANCHORS, (i) => `x-${i}: &a${i} 1`),
    `x-a: [${"1,".repeat(MOST_TOKENS / 2 - 10)}]`,
    lines(99, () => "? a\n: b: c"),
    // Brackets and indentation that mean nothing, or end.
    lines(99, () => `x: "[{" # [{`) + "\ny: |\n" +
    lines(99, (i) => " ".repeat(i + 1) + "[{"),
    lines(99, (i) => `- a: b\n  c: { d: e, f: [g] }\n- h${i}:\n    - - i: j`),
    `{ ${lines(500, (i) => `"a${i}": { "b": "c" },`)} }`,
    lines(99, (i) => `a${i}: 'b: c: [`) + "'",
  ];
  for (const text of allowed) {
    assert.equal(excessOf(text)?.message, undefined, text.slice(0, 80));
  }
});

Deno.test("a thousand hosts with ten ports each and 5000 rules are read", () => {
  const host = (i: number) =>
    `  h${i}:
    vip: 127.1.${i >> 7}.${1 + (i & 127)}
    cmd: [ssh, h${i}, norouter]
    ports:
${lines(10, (port) => `      - "${8000 + port}:127.0.0.1:80"`)}`;
  const rule = (i: number) =>
    `  - { from: [h${i % 1000}], to: [h${
      i * 7 % 1000
    }], ports: [80, 443], action: deny }`;
  const { hosts, policy } = read(
    `hosts:\n  local: {}\n${lines(1000, host)}\npolicy:\n${lines(5000, rule)}`,
  );
  assert.equal(hosts.length, 1001);
  assert.equal(policy!.length, 5000);
});

const slow: [string, string, RegExp[]][] = [
  ["ports that are none", `hosts: { a: { ports: [${"x,".repeat(100_000)}] } }`, [
    /^mesh.yaml:1:23: error: "x" is not a port/,
    /^mesh.yaml:1:63: error: 980 more errors from here on, with the last of which reading ended$/,
  ]],
  ["closing brackets", "}".repeat(50_000), [
    /^mesh.yaml:1:1: error: "}" stands here without|^mesh.yaml:1:1: error: unexpected/,
    /^mesh.yaml:1:21: error: 49980 more errors from here on$/,
  ]],
  ["tabs", "\ta: 1\n".repeat(20_000), [
    /a tab stands where/,
    /^mesh.yaml:21:1: error: \d+ more errors from here on$/,
  ]],
  ["aliases of nothing", `a: [${"*z,".repeat(80_000)}]`, [
    /no anchor "z"/,
    /: 980 more errors from here on, with the last of which reading ended$/,
  ]],
  [
    "hosts that are this machine",
    "hosts:\n" + lines(20_000, (i) => ` a${i}: { zz: 1 }`),
    [
      /would be this machine/,
      /: 980 more errors from here on/,
    ],
  ],
  ["tags that nobody knows", `hosts: { a: {} }\nx-a: [${"!a x,".repeat(80_000)}]`, []],
  ["escapes that are none", `hosts: { a: {} }\nx-a: "${"\\q".repeat(500_000)}"`, [
    /invalid escape/,
    /: 499980 more errors from here on$/,
  ]],
];
for (const [what, text, expected] of slow) {
  Deno.test(`${what}, tens of thousands of them, are told in few lines, soon`, () => {
    const begun = performance.now();
    const found = said(text);
    assert.ok(performance.now() - begun < MOST_MS);
    if (expected.length === 0) return;
    const errors = found.filter((line) => line.includes(": error: "));
    assert.equal(errors.length, 21);
    assert.match(errors[0]!, expected[0]!);
    assert.match(errors[20]!, expected[1]!);
  });
}
