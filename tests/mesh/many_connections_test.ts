/**
 * Thousands of connections are open at once and never get each other's bytes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";

e2e("2000 connections at once each get their own echo", async (scene) => {
  const { hosts: { local, web } } = await scene.mesh({
    local: {},
    web: { ports: ["9000:127.0.0.1:9000"] },
  });
  await scene.server(web.namespace, "echo", 9000);
  const client = scene.client(local.namespace, "many", web.vip, 9000, 2000);
  const { right, ended, wrong } = await client.report("done", undefined, {
    limitMs: 80_000,
  });
  assert.deepEqual({ right, ended, wrong }, { right: 2000, ended: 2000, wrong: [] });
}, { limitMs: 100_000 });
