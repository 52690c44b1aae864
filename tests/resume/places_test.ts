/**
 * What an agent that stays has on its host: a folder that is removed, a disk that is full,
 * a host without a shell.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dockerTest } from "../harness/engines/docker.ts";
import { agentOf, Centre } from "../harness/engines/reached.ts";
import { ReachedMesh } from "../harness/engines/reached_mesh.ts";
import { SSH_NEEDS } from "../harness/engines/sshd.ts";
import { isAlive } from "../harness/scene/proc.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

e2e(
  "an agent whose folder was removed cannot be gone back to, and does not stay",
  async (scene) => {
    const centre = await Centre.make(scene);
    const way = await centre.cmd();
    const mesh = await ReachedMesh.start(scene, centre, { ways: [way] });
    await mesh.ready();
    const agent = agentOf(way);
    const flow = await mesh.flow("local", "cmd");
    const [folder] = await way.kept();
    await Deno.remove(folder!, { recursive: true });
    // It is of no consequence while the link is there.
    await flow.goesOn();
    const { resumed } = await mesh.strike("cmd");
    assert.equal(resumed, false);
    await flow.areEnded();
    await until("the agent to end", () => !isAlive(agent));
    await (await mesh.flow("local", "cmd")).areWhole();
    await mesh.end();
  },
  { needs: [...SSH_NEEDS, "setsid"], limitMs: 90_000 },
);

/** Takes all room of the file systems of these folders. */
function fill(...folders: string[]): string {
  return folders.map((folder) =>
    `dd if=/dev/zero of=${folder}/full bs=4096 2>/dev/null; echo full >${folder}/more`
  ).join("; ") + "; :";
}

dockerTest(
  "an agent stays where there is no shell, and outlives a full disk; where there is no place it says so",
  async (docker, scene, { file, folder }) => {
    const centre = await Centre.make(scene);
    const base = await scene.folder();
    const small = ["--tmpfs=/tmp:size=64k", "--shm-size=64k"];
    // The agent itself is kept on the container's own disk.
    const full = await centre.docker(docker, { name: "full", options: small });
    const nowhere = await centre.docker(docker, {
      name: "nowhere",
      options: [...small, "--tmpfs=/var/tmp:size=64k"],
    });
    await nowhere.container.exec("sh", "-c", fill("/tmp", "/var/tmp", "/dev/shm"));
    await Deno.mkdir(`${base}/bare`);
    const program = "/norouter-linux-x64";
    const bare = await centre.container(
      docker,
      await docker.container(
        await docker.image(`${base}/bare`),
        [`${program}/ld.so`, "--library-path", `${program}/lib`, `${program}/deno`]
          .concat("eval", "setInterval(() => {}, 1000)"),
        { files: [[folder, program]] },
      ),
      "bare",
    );
    const mesh = await ReachedMesh.start(scene, centre, {
      ways: [full, nowhere, bare],
      program: [file],
      template: { installPath: "/opt" },
      more: { bare: { installPath: "/agent" } },
    });
    for (const name of ["full", "bare"]) {
      const { resume } = await mesh.manager.told("ready", name);
      assert.deepEqual(resume, { on: true, seconds: 300 }, name);
    }
    const { resume } = await mesh.manager.told("ready", "nowhere");
    assert.match((resume as { off: string }).off, /no private folder|space/);

    await full.container.exec("sh", "-c", fill("/tmp", "/dev/shm"));
    const flows = [
      await mesh.flow("local", "full"),
      await mesh.flow("local", "bare"),
      await mesh.flow("full", "bare"),
    ];
    const lost = await mesh.flow("local", "nowhere");
    for (let time = 0; time < 3; time++) {
      for (const name of ["full", "bare"]) {
        const { resumed, ms } = await mesh.strike(name);
        assert.equal(resumed, true, name);
        console.log(`${name}: attached after ${ms} ms`);
      }
      for (const flow of flows) await flow.goesOn();
    }
    assert.equal((await mesh.strike("nowhere")).resumed, false);
    await lost.areEnded();
    for (const flow of flows) await flow.areWhole();
    await mesh.end();
  },
  { needs: [...SSH_NEEDS, "busybox", "chroot", "nsenter", "setsid"], limitMs: 180_000 },
);
