/**
 * Managers that are killed and started again, and two managers that want the same host.
 *
 * @module
 */
import assert from "node:assert/strict";
import { agentOf, agentsOf, Centre } from "../harness/engines/reached.ts";
import { ReachedMesh } from "../harness/engines/reached_mesh.ts";
import { SSH_NEEDS } from "../harness/engines/sshd.ts";
import { TellingManager } from "../harness/scene/events.ts";
import { isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

const NEEDS = { needs: [...SSH_NEEDS, "setsid"], limitMs: 120_000 };

e2e(
  "a manager that was killed starts again, and the ports are free for it",
  async (scene) => {
    const centre = await Centre.make(scene);
    const [one, two] = [await centre.cmd("one"), await centre.cmd("two")];
    const mesh = await ReachedMesh.start(scene, centre, { ways: [one, two] });
    await mesh.ready();
    const before = [one, two].map(agentOf);
    kill(mesh.manager.pid, "SIGKILL");
    await mesh.manager.end();
    mesh.restart();
    await mesh.ready();
    await until("the end of the agents before", () => !before.some(isAlive));
    // Each listens for the other.
    for (
      const [from, to] of [["one", "two"], ["two", "one"], ["local", "one"]] as const
    ) {
      await (await mesh.flow(from, to)).areWhole();
    }
    for (const type of ["listenerFailed", "addressesTaken"]) {
      assert.deepEqual(mesh.manager.events(type), []);
    }
    await mesh.end();
  },
  NEEDS,
);

e2e(
  "with --state, connections between other hosts outlive a killed manager",
  async (scene) => {
    const centre = await Centre.make(scene);
    const [one, two] = [await centre.cmd("one"), await centre.cmd("two")];
    const state = `${await scene.folder()}/mesh.state`;
    const mesh = await ReachedMesh.start(scene, centre, {
      ways: [one, two],
      args: ["--state", state],
    });
    await mesh.ready();
    const agents = [one, two].map(agentOf);
    const between = await mesh.flow("one", "two");
    const own = await mesh.flow("local", "one");
    for (let time = 0; time < 3; time++) {
      kill(mesh.manager.pid, "SIGKILL");
      await mesh.manager.end();
      const { mark } = between;
      mesh.restart();
      for (const name of ["one", "two"]) {
        const { resumed, message } = await mesh.manager.told("ready", name);
        assert.equal(resumed, true);
        assert.match(message, /connections between other hosts go on/);
      }
      await between.goesOn(mark);
    }
    await own.areEnded(/reset|end/);
    await between.areWhole();
    assert.deepEqual([one, two].map(agentOf), agents);
    await (await mesh.flow("local", "two")).areWhole();
    assert.equal((await Deno.stat(state)).mode! & 0o777, 0o600);
    await mesh.end();
  },
  NEEDS,
);

e2e(
  "two managers that want a host have an agent each, and neither ends the other's",
  async (scene) => {
    const centre = await Centre.make(scene);
    const way = await centre.cmd();
    const mesh = await ReachedMesh.start(scene, centre, { ways: [way] });
    await mesh.ready();
    const first = agentOf(way);
    const flow = await mesh.flow("local", "cmd");

    // Another mesh, and this one a second time.
    const other = `${await scene.folder()}/other.yaml`;
    await Deno.copyFile(mesh.manifest, other);
    for (const manifest of [other, mesh.manifest]) {
      const there = await scene.namespace();
      const second = scene.keep(new TellingManager(manifest, { namespace: there }));
      await second.told("ready", "cmd");
      // Its agent asked the first to end, whose manager says that it lives.
      assert.equal((await mesh.strike("cmd")).resumed, true);
      await flow.goesOn();
      assert.ok(isAlive(first));
      second.signal("SIGTERM");
      assert.equal((await second.end()).code, 0);
      // It hears of the end over its link, and has connections to end.
      await until("the end of its agent", () => agentsOf(way).length === 1);
      assert.equal(agentOf(way), first);
    }
    await flow.goesOn();
    await flow.areWhole();
    assert.deepEqual(mesh.manager.events("down"), []);
    await mesh.end();
  },
  NEEDS,
);
