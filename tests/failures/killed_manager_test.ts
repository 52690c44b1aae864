/**
 * A manager that is killed leaves nothing behind: its agents end when their input does, or
 * as long after as they were told to stay.
 *
 * @module
 */
import { descendants, isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

e2e("a manager killed with SIGKILL leaves no process behind", async (scene) => {
  const ports = ["9000:127.0.0.1:9000"];
  const mesh = await scene.mesh({
    local: {},
    web: { ports, resume: "2s" },
    db: { ports, resume: "off" },
  });
  const { hosts: { local, web, db }, manager } = mesh;
  // Connections in the middle of their work must not keep an agent alive.
  await scene.server(web.namespace, "source", 9000);
  await scene.server(db.namespace, "stalled", 9000);
  const hanging = scene.client(local.namespace, "hang", web.vip, 9000);
  const pushing = scene.client(web.namespace, "push", db.vip, 9000);
  await hanging.report("connected");
  await pushing.report("pushed", ({ bytes }) => Number(bytes) > 2 ** 20);

  const children = descendants(manager.pid);
  if (children.length < 2) {
    throw new Error("the agents should be children of the manager");
  }
  kill(manager.pid, "SIGKILL");
  await until(
    "the agents to end",
    () => !children.some(isAlive) && !isAlive(manager.pid),
    { limitMs: 10_000 },
  );
});
