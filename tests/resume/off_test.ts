/**
 * Where an agent does not stay, or not longer than it was told, all is as it was without:
 * connections end, the host is down, and nothing is left there.
 *
 * @module
 */
import assert from "node:assert/strict";
import { agentOf, Centre, strike } from "../harness/engines/reached.ts";
import { leavesNothing, ReachedMesh } from "../harness/engines/reached_mesh.ts";
import { SSH_NEEDS } from "../harness/engines/sshd.ts";
import { isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

const NEEDS = { needs: [...SSH_NEEDS, "setsid"], limitMs: 90_000 };

e2e(
  "with `resume: off` an agent ends with its link, and so do connections",
  async (scene) => {
    const centre = await Centre.make(scene);
    const ways = [await centre.cmd()];
    const mesh = await ReachedMesh.start(scene, centre, {
      ways,
      template: { resume: "off" },
    });
    await mesh.ready({ off: "the manifest says so" });
    const flow = await mesh.flow("local", "cmd");
    const agent = agentOf(ways[0]!);
    const { mark } = mesh.manager;
    assert.deepEqual(await ways[0]!.kept(), []);
    const { resumed } = await mesh.strike("cmd");
    assert.equal(resumed, false);
    await flow.areEnded();
    await until("the agent to end", () => !isAlive(agent));
    const [down] = mesh.manager.events("down", "cmd", mark);
    assert.match(down!.message, /^The link to "cmd" ended: deno was ended by SIGKILL/);
    assert.deepEqual(mesh.manager.events("away"), []);
    await mesh.end();
  },
  NEEDS,
);

e2e(
  "a host that does not come back in time is down, and its agent gone",
  async (scene) => {
    const centre = await Centre.make(scene);
    const [way, other] = [await centre.cmd(), await centre.cmd("other")];
    const mesh = await ReachedMesh.start(scene, centre, {
      ways: [way, other],
      template: { resume: "3s" },
    });
    await mesh.ready({ on: true, seconds: 3 });
    const flows = [await mesh.flow("local", "cmd"), await mesh.flow("other", "cmd")];
    const agent = agentOf(way);
    const { mark } = mesh.manager;
    // Nobody can be reached there from now on.
    await Deno.rename(way.socket, `${way.socket}.away`);
    await strike(mesh.manager, way, "SIGKILL");
    const { left } = await mesh.manager.told("away", "cmd", { after: mark });
    assert.ok(Number(left) > 0 && Number(left) <= 3000, String(left));
    const { message } = await mesh.manager.told("down", "cmd", { after: mark });
    assert.match(message, /^"cmd" did not come back within 3 s: /);
    for (const flow of flows) await flow.areEnded();
    await leavesNothing(mesh.host("cmd"));
    assert.ok(!isAlive(agent));

    await Deno.rename(`${way.socket}.away`, way.socket);
    const { resumed } = await mesh.manager.told("ready", "cmd", { after: mark });
    assert.equal(resumed, false);
    await (await mesh.flow("other", "cmd")).areWhole();
    await mesh.end();
  },
  NEEDS,
);

e2e("agents of a killed manager end when their time is over", async (scene) => {
  const centre = await Centre.make(scene);
  const mesh = await ReachedMesh.start(scene, centre, {
    ways: [await centre.cmd(), await centre.cmd("other")],
    template: { resume: "2s" },
  });
  await mesh.ready({ on: true, seconds: 2 });
  const flow = await mesh.flow("other", "cmd");
  kill(mesh.manager.pid, "SIGKILL");
  await flow.areEnded();
  for (const host of mesh.hosts) await leavesNothing(host);
}, NEEDS);
