/**
 * What of other people's text reaches a terminal.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isPrintable, printable, render, renderJson } from "./printable.ts";

const TABLE: readonly [text: string, shown: string][] = [
  ["a\x1b[2Jb", "a\\x1b[2Jb"],
  ["bell\x07 back\x08 nul\0", "bell\\x07 back\\x08 nul\\x00"],
  ["over\rwritten", "over\\x0dwritten"],
  ["del\x7f csi\x9b31m nel\x85", "del\\x7f csi\\x9b31m nel\\x85"],
  ["abc\u202efdp.exe", "abc\\u202efdp.exe"],
  ["\u202a\u202b\u202c\u202d", "\\u202a\\u202b\\u202c\\u202d"],
  ["\u2066\u2067\u2068\u2069", "\\u2066\\u2067\\u2068\\u2069"],
  ["\u200e\u200f\u061c", "\\u200e\\u200f\\u061c"],
  ["two\u2028lines\u2029", "two\\u2028lines\\u2029"],
  ["half \ud800 and \udc00", "half \\ud800 and \\udc00"],
  ["tab\tline\nGrüße, שלום, مرحبا, 日本, 👩‍💻", "tab\tline\nGrüße, שלום, مرحبا, 日本, 👩‍💻"],
];

for (const [text, shown] of TABLE) {
  Deno.test(`${JSON.stringify(text)} is shown as ${JSON.stringify(shown)}`, () => {
    assert.equal(printable(text), shown);
    assert.equal(isPrintable(text), text === shown);
  });
}

Deno.test("of escape sequences only our own colours come through", () => {
  const pieces = ["plain ", [31, "red\x1b[0m"], " plain\x1b[31m"] as const;
  assert.equal(render(pieces, true), "plain \x1b[31mred\\x1b[0m\x1b[0m plain\\x1b[31m");
  assert.equal(render(pieces, false), "plain red\\x1b[0m plain\\x1b[31m");
});

Deno.test("JSON is what it was, and spelled so that a terminal shows it as it is", () => {
  const value = { text: TABLE.map(([text]) => text).join(""), more: [1, null] };
  for (const space of [undefined, 2]) {
    const json = renderJson(value, space);
    assert.deepEqual(JSON.parse(json), value);
    assert.ok(isPrintable(json), json);
  }
});
