/**
 * The first thing a newcomer runs: `deno task demo --once`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Process } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

e2e("the demo fetches a page through the mesh and exits with 0", async (scene) => {
  // In a namespace, so that nothing on this machine is in its way.
  const namespace = await scene.namespace();
  const command = [Deno.execPath(), "task", "demo", "--once"];
  const demo = scene.keep(new Process("demo", command, { namespace, cwd: ROOT }));
  assert.equal((await demo.end(100_000)).code, 0);
  assert.match(demo.since(), /http:\/\/127\.0\.42\.\d+:\d+/);
}, { limitMs: 120_000 });
