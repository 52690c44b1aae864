/**
 * A port that is taken is named with its host and its manifest line; the rest runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { manifestOf } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";

e2e(
  "a busy port is named by address, host and line, and the rest runs",
  async (scene) => {
    const [here, there] = [await scene.namespace(), await scene.namespace()];
    // One taken on the manager's machine, one taken on the other.
    await scene.server(here, "echo", "127.0.42.101:8080");
    await scene.server(there, "echo", "127.0.42.100:7000");
    await scene.server(there, "http", 80, "web");
    const manifest = manifestOf({
      local: {
        name: "local",
        vip: "127.0.42.100",
        namespace: here,
        plan: { ports: ["7000:127.0.0.1:7000"] },
      },
      web: {
        name: "web",
        vip: "127.0.42.101",
        namespace: there,
        plan: { ports: ["8080:127.0.0.1:80", "8081:127.0.0.1:80"] },
      },
    });
    const lineOf = (text: string) =>
      manifest.split("\n").findIndex((line) => line.includes(text)) + 1;
    const manager = await scene.manager(manifest, here);
    await manager.ready("web");
    const [near] = await manager.line(/.*127\.0\.42\.101:8080.*/);
    assert.match(near, new RegExp(`mesh\\.yaml:${lineOf("8080:127")}\\b`));
    assert.match(near, /\blocal\b/);
    const [far] = await manager.line(/.*127\.0\.42\.100:7000.*/);
    assert.match(far, new RegExp(`mesh\\.yaml:${lineOf("7000:127")}\\b`));
    assert.match(far, /\bweb\b/);
    const answer = await curl(here, "http://127.0.42.101:8081/");
    assert.equal(answer, "web /");
  },
  { needs: ["curl"] },
);

e2e("a port published twice is an error at its line", async (scene) => {
  const here = await scene.namespace();
  const manager = await scene.manager(
    `hosts:
  local:
    vip: 127.0.42.100
    ports:
      - "8080:127.0.0.1:80"
      - "8080:127.0.0.1:81"
`,
    here,
  );
  const { code } = await manager.end();
  assert.equal(code, 1);
  assert.match(manager.since(), /mesh\.yaml:6.*8080/);
});
