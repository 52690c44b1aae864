/**
 * A host that sends what no stack would ends no other host's agent, and takes no more
 * than its share.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";

const HOSTILE = new URL("../harness/peers/hostile_agent.ts", import.meta.url).pathname;

e2e("a hostile host's segments and floods disturb nobody else", async (scene) => {
  const target = "127.0.42.101";
  const mesh = await scene.mesh({
    local: {},
    web: { ports: ["9000:127.0.0.1:9000"] },
    db: {},
    rogue: {
      cmd: (namespace) => {
        const args = [HOSTILE, "127.0.42.103", target, 9000].map(String);
        return namespace.command(Deno.execPath(), "run", "--quiet", "-A", ...args);
      },
    },
  });
  const { manager, hosts: { local, web, db } } = mesh;
  const process = mesh.agent("web");
  await scene.server(web.namespace, "echo", 9000);
  await manager.line(/rogue.*through with it/, { limitMs: 40_000 });
  for (const { namespace } of [local, db]) {
    const many = scene.client(namespace, "many", target, 9000, 100);
    const { right, wrong } = await many.report("done");
    assert.deepEqual({ right, wrong }, { right: 100, wrong: [] });
  }
  assert.equal(mesh.agent("web"), process);
  assert.doesNotMatch(manager.since(), /stack stopped/);
}, { limitMs: 90_000 });
