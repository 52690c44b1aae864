/**
 * Ctrl-C and SIGTERM end the manager and every child, also one that does not want to.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { descendants, isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  e2e(`${signal} ends every child, and the manager exits with 0`, async (scene) => {
    const { manager } = await scene.mesh({
      local: {},
      web: {},
      stubborn: {
        cmd: (namespace) => {
          const agent = namespace.command(...NOROUTER).join(" ");
          // Deaf to SIGTERM, and busy with something else once its agent has ended.
          return ["sh", "-c", `trap '' TERM; ${agent} "$@"; exec sleep 600`, "sh"];
        },
      },
    });
    const children = descendants(manager.pid);
    assert.ok(children.length >= 3, `there are only ${children.length} children`);
    manager.signal(signal);
    // The promise is 2 s; this only tells ending from hanging.
    assert.equal((await manager.end(6_000)).code, 0);
    await until("every child to end", () => !children.some(isAlive), { limitMs: 1_000 });
  });
}

e2e(
  "Ctrl-C in a terminal, which the agents get too, is not taken for a failure",
  async (scene) => {
    const { manager } = await scene.mesh({ local: {}, web: {}, db: {} });
    const children = descendants(manager.pid);
    const { mark } = manager;
    for (const pid of [...children, manager.pid]) kill(pid, "SIGINT");
    assert.equal((await manager.end(6_000)).code, 0);
    assert.doesNotMatch(manager.since(mark), /error|failed|retry|again/i);
  },
);
