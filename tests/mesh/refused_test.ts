/**
 * A target that cannot be reached is a reset, and soon; NoRouter shows a clean end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";

e2e("a refused target comes back as a reset, at once", async (scene) => {
  const { hosts: { local, web } } = await scene.mesh({
    local: {},
    // 192.0.2.0/24 is for documentation (RFC 5737) and no namespace has a route to it.
    web: { ports: ["9000:127.0.0.1:9", "9001:192.0.2.1:80", "9002:127.0.0.1:9002"] },
  });
  for (const port of [9000, 9001]) {
    const client = scene.client(local.namespace, "dial", web.vip, port, "x");
    const { ending, ms } = await client.report("done");
    assert.equal(ending, "reset", `port ${port}`);
    // The limit of a dial is 10 s; a refusal must not wait for it.
    assert.ok(Number(ms) < 5_000, `port ${port} took ${ms} ms`);
  }
  // A refusal is not remembered: the same port works once somebody listens.
  const early = scene.client(local.namespace, "dial", web.vip, 9002, "x");
  assert.equal((await early.report("done")).ending, "reset");
  await scene.server(web.namespace, "count", 9002);
  const late = scene.client(local.namespace, "halfclose", web.vip, 9002, 1);
  assert.equal((await late.report("done")).received, "counted 1");
});
