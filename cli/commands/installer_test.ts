/**
 * What is printed; what it does is in tests/packages/installer_test.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { installer } from "./installer.ts";
import { run } from "../_run.ts";
import { VERSION } from "../version.ts";

Deno.test("show-installer prints the script, of this version, and nothing else", async () => {
  assert.deepEqual(await run(["show-installer"]), {
    status: 0,
    stdout: installer(),
    stderr: "",
  });
  assert.match(installer(), /^#!\/bin\/sh\n/);
  assert.match(
    installer(),
    new RegExp(`version=\\$\\{NOROUTER_VERSION:-${VERSION}\\}\n`),
  );
});

Deno.test("the script downloads from the releases' folder of its version", () => {
  const script = installer({ version: "1.2.3", releases: "https://example.com/$&" });
  const base = "${NOROUTER_BASE_URL:-https://example.com/$&/v${version#v}}";
  assert.ok(script.includes(`base=${base}\n`));
  assert.ok(script.includes("version=${NOROUTER_VERSION:-1.2.3}\n"));
});

Deno.test("nothing in the script is left to fill in", () => {
  assert.doesNotMatch(installer(), /@[A-Z]+@/);
});

Deno.test("all of the script stands in braces, so that a shell reads it before it runs", () => {
  const code = installer().split("\n").filter((line) => !/^(#|$)/.test(line));
  assert.equal(code.at(0), "{");
  assert.equal(code.at(-1), "} </dev/null");
});
