/**
 * The peers themselves, joined by nothing but a bare loopback: what a mesh is measured
 * by.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../scene/scene.ts";

const ADDRESS = "127.0.0.1";

e2e("without a mesh, both sides of an exchange see each other's bytes", async (scene) => {
  const namespace = await scene.namespace();
  const server = await scene.server(namespace, "serve-exchange", 80, "8Mi", 2);
  const client = scene.client(namespace, "exchange", ADDRESS, 80, "8Mi", 1);
  const near = await client.report("done");
  const far = await server.report("closed");
  assert.equal(near.received, far.sent);
  assert.equal(far.received, near.sent);
  assert.notEqual(near.sent, near.received);
});

e2e("without a mesh, a reset, a refusal and an end are told apart", async (scene) => {
  const namespace = await scene.namespace();
  await scene.server(namespace, "reset", 80);
  await scene.server(namespace, "count", 81);
  const dialled = scene.client(namespace, "dial", ADDRESS, 80, "x");
  assert.equal((await dialled.report("done")).ending, "reset");
  const refused = scene.client(namespace, "dial", ADDRESS, 82);
  assert.equal((await refused.report("done")).ending, "refused");
  const closing = scene.client(namespace, "halfclose", ADDRESS, 81, "1Mi");
  const { received, ending } = await closing.report("done");
  assert.deepEqual({ received, ending }, { received: "counted 1048576", ending: "end" });
  const echo = await scene.server(namespace, "echo", 83);
  scene.client(namespace, "send-reset", ADDRESS, 83);
  await echo.report("closed", ({ ending }) => ending === "reset");
});

e2e("without a mesh, each of 500 connections gets its own echo", async (scene) => {
  const namespace = await scene.namespace();
  await scene.server(namespace, "echo", 80);
  const client = scene.client(namespace, "many", ADDRESS, 80, 500);
  const { right, ended, wrong } = await client.report("done");
  assert.deepEqual({ right, ended, wrong }, { right: 500, ended: 500, wrong: [] });
});
