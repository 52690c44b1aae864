/**
 * An agent that neither ends nor answers is found out and started anew.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

e2e("a frozen agent is noticed, replaced, and works again", async (scene) => {
  const mesh = await scene.mesh({
    local: {},
    web: { ports: ["9000:127.0.0.1:9000", "8080:127.0.0.1:80"] },
  });
  const { hosts: { local, web }, manager } = mesh;
  await scene.server(web.namespace, "echo", 9000);
  await scene.server(web.namespace, "http", 80, "web");
  const open = scene.client(local.namespace, "dial", web.vip, 9000, "x");
  await open.report("received");

  const { mark } = manager;
  const frozen = mesh.agent("web");
  kill(frozen, "SIGSTOP");

  // Noticed after 15 s of silence.
  await manager.line(/\bweb\b.*(no answer|silen|15 s|froze)/i, {
    after: mark,
    limitMs: 40_000,
  });
  assert.equal((await open.report("done")).ending, "reset");
  await manager.ready("web", mark);
  await until("the frozen process to end", () => !isAlive(frozen));
  const answer = await curl(local.namespace, `http://${web.vip}:8080/`);
  assert.equal(answer, "web /");
}, { needs: ["curl"], limitMs: 90_000 });
