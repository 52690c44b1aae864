/**
 * Every fuzz target (see main.ts): cases that failed once, and some seconds of new
 * ones.
 *
 * The seed is always the same here, so that a change is not held up by a fault that it
 * did not make; `deno task fuzz` takes a new one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { figures } from "./main.ts";
import { corpusFolders, keptCases } from "./runner/corpus.ts";
import { targetNames } from "./runner/targets.ts";
import { watch } from "./runner/watch.ts";

const SEED = 20_261_128;
/** For each target; all of them together should take less than 40. */
const SECONDS = 3;

Deno.test("every kept case is one of a target", () => {
  const names = targetNames();
  assert.deepEqual(corpusFolders().filter((folder) => !names.includes(folder)), []);
  assert.ok(names.length >= 6, names.join());
});

for (const target of targetNames()) {
  const files = keptCases(target);
  if (files.length > 0) {
    Deno.test(`what was found by fuzzing ${target} stays mended`, async () => {
      const { cases, failure } = await watch({ target, files });
      assert.equal(failure, undefined);
      assert.equal(cases, files.length);
    });
  }

  Deno.test(`some seconds of fuzzing ${target} find nothing`, async () => {
    const outcome = await watch({ target, seed: SEED, seconds: SECONDS });
    console.log(figures(target, outcome));
    assert.equal(outcome.failure, undefined, `kept as ${outcome.kept}`);
    assert.ok(outcome.cases > 0, "not one case");
  });
}
