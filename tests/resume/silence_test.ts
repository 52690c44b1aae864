/**
 * Connections go on when nothing comes over a link any more and nobody says so: a client
 * is stopped, a container is paused, a path is cut.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CLUSTER_NEEDS } from "../harness/engines/cluster.ts";
import { dockerTest } from "../harness/engines/docker.ts";
import { agentOf, Centre, strike } from "../harness/engines/reached.ts";
import { ReachedMesh } from "../harness/engines/reached_mesh.ts";
import { SSH_NEEDS } from "../harness/engines/sshd.ts";
import { run } from "../harness/scene/process.ts";
import { pause } from "../harness/scene/wait.ts";

/**
 * Longer than the 15 s of silence after which a link is given up. `SILENCE_SECONDS=250` has
 * connections wait through the retries of other stacks, for real.
 */
const LONG_MS = Number(Deno.env.get("SILENCE_SECONDS") ?? 20) * 1000;
/** Nobody notices. */
const SHORT_MS = 1_000;

dockerTest(
  "connections outlive stopped clients, a paused container and a cut path",
  async (docker, scene, { file }) => {
    const centre = await Centre.make(scene);
    const ssh = await centre.ssh();
    const paused = await centre.docker(docker, { name: "paused" });
    const stopped = await centre.docker(docker, { name: "stopped" });
    const mesh = await ReachedMesh.start(scene, centre, {
      ways: [
        paused,
        stopped,
        ssh,
        await centre.jump(ssh),
        await centre.kubectl(),
        await centre.cmd(),
      ],
      program: [file],
    });
    await mesh.ready();
    const { hosts, manager } = mesh;
    const agents = hosts.map(({ reached }) => agentOf(reached));
    const flows = [await mesh.flow("paused", "cmd"), await mesh.flow("jump", "stopped")];
    for (const { name } of hosts) flows.push(await mesh.flow("local", name));

    await ssh.cable.cut();
    await pause(SHORT_MS);
    await ssh.cable.mend();
    for (const flow of flows) await flow.goesOn();
    for (const { name } of hosts) assert.deepEqual(manager.events("away", name), []);

    const { mark } = manager;
    const began = performance.now();
    const pausing = (verb: string) => run(docker.command(verb, paused.container.name));
    await pausing("pause");
    await ssh.cable.cut();
    for (const name of ["stopped", "kubectl", "cmd"]) {
      await strike(manager, mesh.host(name).reached, "SIGSTOP");
    }
    for (const { name } of hosts) {
      const { message } = await manager.told("away", name, { after: mark });
      assert.match(message, /nothing came from it for \d+ s.*its agent is kept for /);
    }
    await pause(Math.max(0, began + LONG_MS - performance.now()));
    await ssh.cable.mend();
    await pausing("unpause");
    for (const { name } of hosts) {
      const { resumed } = await manager.told("ready", name, { after: mark });
      assert.equal(resumed, true, name);
    }
    for (const flow of flows) await flow.goesOn();
    for (const flow of flows) await flow.areWhole();
    assert.deepEqual(hosts.map(({ reached }) => agentOf(reached)), agents);
    for (const { name } of hosts) assert.deepEqual(manager.events("down", name), []);
    await mesh.end();
  },
  {
    needs: [...SSH_NEEDS, ...CLUSTER_NEEDS, "busybox", "chroot", "nsenter", "setsid"],
    limitMs: 220_000 + LONG_MS,
  },
);
