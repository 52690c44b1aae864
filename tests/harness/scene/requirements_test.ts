/**
 * What is missing leaves a test out on a laptop and fails it in CI.
 *
 * @module
 */
import assert from "node:assert/strict";
import { needs } from "./requirements.ts";

Deno.test("a program that is missing is named, and only CI runs the test all the same", () => {
  const { ignore, missing } = needs("no-such-program");
  assert.deepEqual(missing, ["the program no-such-program"]);
  assert.equal(ignore, Deno.env.get("CI") !== "true");
});

Deno.test("with nothing missing the test runs everywhere", () => {
  assert.deepEqual(needs(), { ignore: false, missing: [] });
});
