/**
 * One side says it is done; the other still has its say.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";

e2e("a client that half-closes still gets the answer", async (scene) => {
  const { hosts: { local, web } } = await scene.mesh({
    local: {},
    web: { ports: ["9000:127.0.0.1:9000"] },
  });
  await scene.server(web.namespace, "count", 9000);
  const client = scene.client(local.namespace, "halfclose", web.vip, 9000, "10Mi");
  const { received, ending } = await client.report("done");
  assert.deepEqual({ received, ending }, { received: "counted 10485760", ending: "end" });
});

e2e("a server that half-closes still gets what the client sends after", async (scene) => {
  const { hosts: { local, web } } = await scene.mesh({
    local: {},
    web: { ports: ["9000:127.0.0.1:9000"] },
  });
  const server = await scene.server(web.namespace, "farewell", 9000);
  const client = scene.client(local.namespace, "linger", web.vip, 9000, "10Mi");
  const near = await client.report("done");
  assert.deepEqual(
    { received: near.received, ending: near.ending },
    { received: "farewell", ending: "end" },
  );
  const far = await server.report("closed");
  assert.deepEqual(
    { bytes: far.bytes, ending: far.ending },
    { bytes: 10 * 2 ** 20, ending: "end" },
  );
});
