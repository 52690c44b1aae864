/**
 * A mesh that carries nothing costs hardly any processor time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cpuSeconds } from "../harness/scene/proc.ts";
import { e2e } from "../harness/scene/scene.ts";
import { pause } from "../harness/scene/wait.ts";

/** Ten times what is aimed at, because the machine of a test has other things to do. */
const LIMIT_PERCENT = 5;

e2e("an idle mesh uses hardly any processor time", async (scene) => {
  const mesh = await scene.mesh({
    local: {},
    web: { ports: ["9000:127.0.0.1:9000"] },
    db: {},
  });
  const { hosts: { local, web } } = mesh;
  // With connections open that carry nothing, not only with none.
  await scene.server(web.namespace, "stalled", 9000);
  await scene.client(local.namespace, "hang", web.vip, 9000).report("connected");
  await pause(1_000);
  const processes = {
    manager: mesh.manager.pid,
    web: mesh.agent("web"),
    db: mesh.agent("db"),
  };
  const before = Object.values(processes).map(cpuSeconds);
  const began = performance.now();
  await pause(6_000);
  const seconds = (performance.now() - began) / 1_000;
  for (const [index, [name, pid]] of Object.entries(processes).entries()) {
    const percent = (cpuSeconds(pid) - before[index]!) / seconds * 100;
    assert.ok(
      percent < LIMIT_PERCENT,
      `${name} used ${percent.toFixed(1)} % of a processor`,
    );
  }
});
