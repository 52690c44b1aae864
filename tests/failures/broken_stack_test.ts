/**
 * A stack that breaks is made anew within its process, and its host stays in the mesh.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CLI, manifestOf, NOROUTER, readyLine } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { isAlive } from "../harness/scene/proc.ts";
import { e2e } from "../harness/scene/scene.ts";
import { TRAP_PORT } from "../harness/peers/trap.ts";

const TRAP = new URL("../harness/peers/trap.ts", import.meta.url).pathname;
const TRAPPING = [...NOROUTER.slice(0, -1), "--preload", TRAP, CLI];
const ports = ["9000:127.0.0.1:9000", `${TRAP_PORT}:127.0.0.1:9000`];
const cmd = (namespace: Namespace) => namespace.command(...TRAPPING);
const TOLD = /The TCP\/IP stack stopped: .*out of bounds.*\. It was made anew/;

e2e("a host whose stack breaks stays in the mesh, and says so", async (scene) => {
  const mesh = await scene.mesh({ local: {}, web: { ports, cmd }, db: {} });
  const { manager, hosts: { local, web, db } } = mesh;
  await scene.server(web.namespace, "echo", 9000);
  const process = mesh.agent("web");
  const open = scene.client(db.namespace, "dial", web.vip, 9000, "held open");
  await open.report("received");

  for (let time = 1; time <= 3; time++) {
    const trap = scene.client(local.namespace, "dial", web.vip, TRAP_PORT, "x");
    await manager.line(new RegExp(`web.*${TOLD.source} \\(${time} since the start\\)`));
    // Its SYN is repeated, and its connection then opens like any other.
    await trap.report("received");
    const many = scene.client(local.namespace, "many", web.vip, 9000, 50);
    const { right, wrong } = await many.report("done");
    assert.deepEqual({ right, wrong }, { right: 50, wrong: [] });
  }
  assert.equal(mesh.agent("web"), process);
  assert.equal(manager.since().match(/Ready again/g), null);
  assert.equal((await open.report("done")).ending, "reset");
});

e2e("the manager's own agent goes on with a new stack too", async (scene) => {
  const [here, there] = [await scene.namespace(), await scene.namespace()];
  const path = `${await scene.folder()}/trap.yaml`;
  const hosts = {
    local: { name: "local", vip: "127.0.42.100", namespace: here, plan: { ports } },
    web: { name: "web", vip: "127.0.42.101", namespace: there, plan: {} },
  };
  await Deno.writeTextFile(path, manifestOf(hosts));
  const options = { namespace: here, env: { NO_COLOR: "1" } };
  const manager = scene.start("manager", [...TRAPPING, path], options);
  for (const host of Object.keys(hosts)) await manager.line(readyLine(host));
  await scene.server(here, "echo", 9000);
  const trap = scene.client(there, "dial", hosts.local.vip, TRAP_PORT, "x");
  await manager.line(TOLD);
  await trap.report("received");
  const many = scene.client(there, "many", hosts.local.vip, 9000, 50);
  assert.equal((await many.report("done")).right, 50);
});

e2e(
  "an agent whose stack breaks again and again ends, and is started anew",
  async (scene) => {
    const mesh = await scene.mesh({ local: {}, web: { ports, cmd } });
    const { manager, hosts: { local, web } } = mesh;
    await scene.server(web.namespace, "echo", 9000);
    const process = mesh.agent("web");
    const mark = manager.mark;
    for (let time = 0; time < 6; time++) {
      scene.client(local.namespace, "dial", web.vip, TRAP_PORT, "x");
    }
    await manager.line(/web.*The TCP\/IP stack stopped/);
    await manager.ready("web", mark);
    assert.equal(isAlive(process), false);
    const many = scene.client(local.namespace, "many", web.vip, 9000, 20);
    assert.equal((await many.report("done")).right, 20);
  },
);
