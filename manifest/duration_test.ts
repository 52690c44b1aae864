/**
 * The table of duration.ts, and where lengths of time stand in a manifest.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, said } from "./_said.ts";
import { parseDuration } from "./duration.ts";

const accepted: [string, number][] = [
  ["20", 20_000],
  ["1.5", 1500],
  ["20s", 20_000],
  ["500ms", 500],
  ["1m30s", 90_000],
  ["2h", 7_200_000],
  ["24h", 86_400_000],
];

for (const [text, milliseconds] of accepted) {
  Deno.test(`${text} is ${milliseconds} ms`, () => {
    assert.equal(parseDuration(text), milliseconds);
  });
}

for (
  const text of ["20 s", "0s", "0", "-1", "fast", "", "s", "1d", "25h", "1e9", "0x10"]
) {
  Deno.test(`${JSON.stringify(text)} is not a length of time`, () => {
    assert.match(String(parseDuration(text)), /is not a length of time.*wanted /);
  });
}

Deno.test("connectTimeout comes from the host, the template, or is 20 seconds", () => {
  const hosts = (template: string) =>
    read(`
hostTemplate: ${template}
hosts: { a: { connectTimeout: 3 }, b: { cmd: b } }
`).hosts.map(({ connectTimeout }) => connectTimeout);
  assert.deepEqual(hosts("{ connectTimeout: 500ms }"), [3000, 500]);
  assert.deepEqual(hosts("{}"), [3000, 20_000]);
});

Deno.test("a connectTimeout that is no length of time is located", () => {
  assert.deepEqual(said("hosts:\n  a:\n    connectTimeout: soon\n"), [
    `mesh.yaml:3:21: error: "connectTimeout": "soon" is not a length of time; ` +
    `wanted seconds, or numbers with units, like "20s" or "500ms"`,
  ]);
});
