/**
 * A command that starts and never speaks is given up after connectTimeout, with a
 * message.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";

e2e("a silent agent is named, and the rest of the mesh runs", async (scene) => {
  const [here, there] = [await scene.namespace(), await scene.namespace()];
  await scene.server(there, "http", 80, "web");
  const manager = await scene.manager(
    `hosts:
  local: { vip: 127.0.42.100 }
  web:
    vip: 127.0.42.101
    cmd: ${JSON.stringify(there.command(...NOROUTER))}
    ports: ["8080:127.0.0.1:80"]
  silent:
    vip: 127.0.42.102
    cmd: ["sh", "-c", "exec sleep 1000"]
    connectTimeout: 1
    ports: ["8080:127.0.0.1:80"]
`,
    here,
  );
  await manager.ready("web");
  const answer = await curl(here, "http://127.0.42.101:8080/");
  assert.equal(answer, "web /");
  await manager.line(/\bsilent\b.*(no answer|connectTimeout|within)/i);
  // It is down now, and whoever asks for it is told so instead of waiting.
  const client = scene.client(here, "dial", "127.0.42.102", 8080, "x");
  assert.equal((await client.report("done")).ending, "reset");
}, { needs: ["curl"] });
