/**
 * Rules that lead to themselves in a way that no manifest shows.
 *
 * @module
 */
import assert from "node:assert/strict";
import { descriptorsOf } from "../harness/scene/proc.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { ran } from "../live/live_mesh.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

/** An address of the machine that only the machine knows to be its own. */
const OWN = "10.99.0.1";
const LIMIT = 1000;

const CIRCLES: Readonly<Record<string, readonly [fields: string, url: string]>> = {
  "an egress rule": [
    `egress: ["tcp:0.0.0.0:6003:${OWN}:6003"]`,
    `http://${OWN}:6003/`,
  ],
  "two egress rules that take turns": [
    `egress: ["tcp:0.0.0.0:6003:${OWN}:6003", "tcp:0.0.0.0:6003:${OWN}:6003"]`,
    `http://${OWN}:6003/`,
  ],
  "a published port and an egress rule": [
    `vip: 127.0.42.100, ports: ["6003:${OWN}:6004"], ` +
    `egress: ["tcp:0.0.0.0:6004:127.0.42.100:6003"]`,
    "http://127.0.42.100:6003/",
  ],
};

for (const [what, [fields, url]] of Object.entries(CIRCLES)) {
  e2e(
    `a client of a circle by ${what} is turned away, and descriptors are left`,
    async (scene) => {
      const here = await scene.namespace();
      const added = await ran(
        ...here.command("ip", "addr", "add", `${OWN}/32`, "dev", "lo"),
      );
      assert.equal(added.status, 0, added.stderr);
      const path = `${await scene.folder()}/mesh.yaml`;
      await Deno.writeTextFile(
        path,
        `hosts: { local: { stateDir: { disable: true }, ${fields} } }`,
      );
      const command = [`ulimit -n ${LIMIT}; exec "$@"`, "sh", ...NOROUTER, path];
      const manager = scene.start("manager", ["sh", "-c", ...command], {
        namespace: here,
        env: { NO_COLOR: "1" },
      });
      await manager.line(/Every host is ready/);
      const before = descriptorsOf(manager.pid);
      const { status } = await ran(
        ...here.command("curl", "-sS", "--max-time", "30", url),
      );
      assert.ok([52, 56].includes(status), `curl ended with ${status}`);
      await manager.line(/was turned away: 375 are connected already.*leads to itself/);
      await until("the descriptors", () => descriptorsOf(manager.pid) <= before + 2);
      assert.doesNotMatch(manager.since(), /file descriptors are left/);
    },
    { needs: ["curl"] },
  );
}
