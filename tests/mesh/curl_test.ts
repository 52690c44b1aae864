/**
 * Every host reaches every host, itself included, with curl and by its virtual address.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { e2e } from "../harness/scene/scene.ts";

e2e("curl reaches a service between all pairs of four hosts", async (scene) => {
  const ports = ["8080:127.0.0.1:80"];
  const { hosts } = await scene.mesh({
    local: { ports },
    web: { ports },
    db: { ports },
    cache: { ports },
  });
  for (const host of Object.values(hosts)) {
    await scene.server(host.namespace, "http", 80, host.name);
  }
  for (const from of Object.values(hosts)) {
    for (const to of Object.values(hosts)) {
      const url = `http://${to.vip}:8080/from/${from.name}`;
      const answer = await curl(from.namespace, url);
      assert.equal(answer, `${to.name} /from/${from.name}`);
    }
  }
}, { needs: ["curl"] });
