/**
 * A login banner before the first frame is skipped and shown.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";

e2e("text printed before the first frame is shown, and the host works", async (scene) => {
  const mesh = await scene.mesh({
    local: {},
    web: {
      ports: ["8080:127.0.0.1:80"],
      cmd: (namespace) => {
        const agent = namespace.command(...NOROUTER).join(" ");
        // The banner holds a B, the first byte of every frame.
        return ["sh", "-c", `echo 'Bonjour, Big Box'; exec ${agent} "$@"`, "sh"];
      },
    },
  });
  const { hosts: { local, web }, manager } = mesh;
  await manager.line(/web.*Bonjour, Big Box/);
  await scene.server(web.namespace, "http", 80, "web");
  const answer = await curl(local.namespace, `http://${web.vip}:8080/`);
  assert.equal(answer, "web /");
}, { needs: ["curl"] });
