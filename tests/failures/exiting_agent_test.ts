/**
 * A command that ends at once is named with its status and its last words.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";

e2e("the last words of a command that fails are in the message", async (scene) => {
  const here = await scene.namespace();
  const manager = await scene.manager(
    `hosts:
  local: { vip: 127.0.42.100 }
  web:
    vip: 127.0.42.101
    cmd: ["sh", "-c", "echo 'Error: No such container: web' >&2; exit 3"]
`,
    here,
  );
  await manager.ready("local");
  await manager.line(/\bweb\b.*\bsh\b.*status 3/);
  await manager.line(/No such container: web/);
  assert.equal(manager.hasExited, false);
});

e2e("a command that does not exist is named", async (scene) => {
  const here = await scene.namespace();
  const manager = await scene.manager(
    `hosts:
  local: { vip: 127.0.42.100 }
  web:
    vip: 127.0.42.101
    cmd: no-such-program exec -i web norouter
`,
    here,
  );
  await manager.ready("local");
  await manager.line(/\bweb\b.*no-such-program/);
  assert.equal(manager.hasExited, false);
});

e2e(
  "the manager exits with 1 when it is stopped and no host was ever ready",
  async (scene) => {
    const here = await scene.namespace();
    const manager = await scene.manager(
      `hosts:
  web: { vip: 127.0.42.101, cmd: ["sh", "-c", "exit 3"] }
`,
      here,
    );
    await manager.line(/\bweb\b.*status 3/);
    manager.signal("SIGINT");
    assert.equal((await manager.end()).code, 1);
  },
);
