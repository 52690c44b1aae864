/**
 * The manifest of a mesh changes, and connections go on.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Namespace } from "../harness/scene/namespace.ts";
import { run } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { assertContent, PythonAgent } from "../interop/programs.ts";
import { Endurance } from "./endurance.ts";
import { type LivePlan, SwappedMesh } from "./swapped_mesh.ts";

async function placesOf(
  scene: Scene,
  ...names: string[]
): Promise<Map<string, Namespace>> {
  const places = new Map<string, Namespace>();
  for (const name of names) {
    const place = await scene.namespace();
    places.set(name, place);
    for (const port of name === "local" ? [] : [9000, 9001]) {
      await scene.server(place, "echo", port);
    }
  }
  return places;
}

/** A connection of its own to an echo. */
async function reaches(
  scene: Scene,
  from: Namespace,
  { to, through = [] }: { to: [string, number]; through?: [string, number] | [] },
): Promise<void> {
  const flow = await Endurance.open(scene, from, { to, count: 1, through });
  await flow.areWhole();
}

e2e(
  "100 connections go on while ports, routes, proxies, names and egress change under them",
  async (scene) => {
    const places = await placesOf(scene, "local", "web", "db", "more");
    const [local, db] = ["local", "db"].map((name) => places.get(name)!);
    await run(["ip", "-n", db!.name, "addr", "add", "10.9.9.9/32", "dev", "lo"]);
    await scene.server(db!, "echo", "10.9.9.9:9002");
    const port = (...list: number[]) => ({
      ports: list.map((each) => `${each}:127.0.0.1:${each}`),
    });
    const before: LivePlan = {
      hosts: {
        local: { http: { listen: "127.0.0.1:18080" }, egress: ["tcp:15432:web:9000"] },
        web: port(9000),
        db: port(9000),
      },
      routes: [{ via: "db", to: ["10.9.9.0/24"] }],
    };
    const after: LivePlan = {
      hosts: {
        local: {
          socks: { listen: "127.0.0.1:18081" },
          http: { listen: "127.0.0.1:18082" },
          egress: ["tcp:15433:store:9001"],
        },
        web: { ...port(9001), aliases: ["site"] },
        db: { ...port(9001), aliases: ["store"], writeEtcHosts: false },
        more: port(9000),
      },
      routes: [{ via: "db", to: ["10.9.9.0/24", "*.store"] }, {
        via: "web",
        to: ["*.internal"],
      }],
    };
    const mesh = await SwappedMesh.start(scene, places, before);
    const agents = ["web", "db"].map((name) => mesh.agent(name));
    const flows = [
      await Endurance.open(scene, local!, { to: [mesh.vip("web"), 9000], count: 40 }),
      await Endurance.open(scene, local!, { to: ["127.0.0.1", 15_432], count: 20 }),
      await Endurance.open(scene, local!, {
        to: ["db", 9000],
        count: 20,
        through: ["127.0.0.1", 18_080],
      }),
      await Endurance.open(scene, local!, {
        to: ["10.9.9.9", 9002],
        count: 20,
        through: ["127.0.0.1", 18_080],
      }),
    ];
    for (let time = 0; time < 5; time++) {
      const there = await mesh.swap(after);
      assert.deepEqual(
        [there.added, there.removed, there.restarted, there.updated],
        [["more"], [], [], ["local", "web", "db"]],
      );
      await until("more", () => mesh.events("ready").length === 3 + time + 1);
      await reaches(scene, local!, { to: [mesh.vip("web"), 9001] });
      await reaches(scene, local!, { to: ["127.0.0.1", 15_433] });
      await reaches(scene, local!, { to: [mesh.vip("more"), 9000] });
      await reaches(scene, local!, {
        to: ["store", 9001],
        through: ["127.0.0.1", 18_082],
      });
      await Promise.all(flows.map((flow) => flow.goesOn()));
      const back = await mesh.swap(before);
      assert.deepEqual(
        [back.added, back.removed, back.restarted, back.updated],
        [[], ["more"], [], ["local", "web", "db"]],
      );
      await reaches(scene, local!, { to: [mesh.vip("db"), 9000] });
      await reaches(scene, local!, { to: ["127.0.0.1", 15_432] });
      await Promise.all(flows.map((flow) => flow.goesOn()));
    }
    // As fast as they come.
    for (let time = 0; time < 50; time++) {
      await mesh.swap(time % 2 === 0 ? { ...after, hosts: { ...after.hosts } } : before);
    }
    await reaches(scene, local!, { to: ["127.0.0.1", 15_432] });
    await Promise.all(flows.map((flow) => flow.areWhole()));
    assert.deepEqual(["web", "db"].map((name) => mesh.agent(name)), agents);
    const gone = new Set(mesh.events("closed").map(({ host }) => host));
    assert.deepEqual([...gone], ["more"]);
    for (const type of ["down", "warning", "listenerFailed"]) {
      assert.deepEqual(mesh.events(type), []);
    }
    await mesh.end();
  },
  { limitMs: 180_000 },
);

e2e(
  "an agent of NoRouter 0.6 starts anew only if its own part changes",
  async (scene) => {
    const places = await placesOf(scene, "local", "web", "db");
    const local = places.get("local")!;
    const agent = new PythonAgent(await scene.folder(), "web");
    const plan = (web: string[], db: string[]): LivePlan => ({
      hosts: { local: {}, web: { ports: web }, db: { ports: db } },
    });
    const [one, two] = ["9000:127.0.0.1:9000", "9001:127.0.0.1:9001"];
    const mesh = await SwappedMesh.start(scene, places, {
      ...plan([one], [one]),
      cmds: { web: agent.command },
    });
    const pids = mesh.agent("web");
    const flows = [
      await Endurance.open(scene, local, { to: [mesh.vip("web"), 9000], count: 10 }),
      await Endurance.open(scene, local, { to: [mesh.vip("db"), 9000], count: 10 }),
    ];
    const others = await mesh.swap(plan([one], [one, two]));
    assert.deepEqual(
      [others.restarted, others.updated, others.outdated],
      [[], ["local", "db"], ["web"]],
    );
    await reaches(scene, local, { to: [mesh.vip("db"), 9001] });
    await Promise.all(flows.map((flow) => flow.goesOn()));
    await flows[0]!.areWhole();
    assert.deepEqual(mesh.agent("web"), pids);
    assertContent(
      await (async () => {
        const { mark } = mesh;
        const own = await mesh.swap(plan([one, two], [one, two]));
        const [restarted] = own.restarted as { host: string; why: string }[];
        assert.equal(restarted!.host, "web");
        assert.match(restarted!.why, /^ports changed, and its agent .* cannot be told/);
        const report = await agent.report();
        await mesh.told("ready", "web", mark);
        return report;
      })(),
    );
    assert.notDeepEqual(mesh.agent("web"), pids);
    await reaches(scene, local, { to: [mesh.vip("web"), 9001] });
    await flows[1]!.goesOn();
    await flows[1]!.areWhole();
    await mesh.end();
  },
  { needs: ["python3"], limitMs: 120_000 },
);
