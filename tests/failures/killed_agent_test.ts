/**
 * An agent that dies is named, its connections end at once, and it comes back.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";

e2e("a killed agent is named, its connections end, and it works again", async (scene) => {
  const mesh = await scene.mesh({
    local: {},
    web: { ports: ["9000:127.0.0.1:9000", "8080:127.0.0.1:80"] },
    db: {},
  });
  const { hosts: { local, web, db }, manager } = mesh;
  await scene.server(web.namespace, "echo", 9000);
  await scene.server(web.namespace, "http", 80, "web");
  const open = [local, db].map(({ namespace }) =>
    scene.client(namespace, "dial", web.vip, 9000, "x")
  );
  for (const client of open) await client.report("received");

  const { mark } = manager;
  const victim = mesh.agent("web");
  kill(victim, "SIGKILL");

  // 10 s is far below the minutes that TCP alone would wait.
  for (const client of open) {
    const { ending } = await client.report("done", undefined, { limitMs: 10_000 });
    assert.equal(ending, "reset");
  }
  await manager.line(/\bweb\b.*(SIGKILL|signal|killed|status)/i, { after: mark });
  await manager.ready("web", mark);
  assert.notEqual(mesh.agent("web"), victim);
  for (const { namespace } of [local, db]) {
    const url = `http://${web.vip}:8080/again`;
    assert.equal(
      await curl(namespace, url),
      "web /again",
    );
  }
}, { needs: ["curl"] });
