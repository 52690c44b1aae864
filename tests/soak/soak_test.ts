/**
 * A minute of random traffic through a mesh whose agents are killed and frozen on the
 * way; `deno task soak` does the same for longer.
 *
 * Nothing is lost but what has to be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";
import { soak } from "./soak.ts";

const SEED = 20_261_128;

e2e("a minute of traffic, kills and freezes loses nothing else", async (scene) => {
  const lines: string[] = [];
  const violations = await soak(scene, {
    minutes: 1,
    seed: SEED,
    print: (line) => {
      lines.push(line);
      console.log(line);
    },
  });
  assert.deepEqual(violations, []);
  // That it did something: all ways in use, and each kind of disturbance.
  assert.match(lines.join("\n"), /freeze to the end.*, 0 violations/);
}, { limitMs: 300_000 });
