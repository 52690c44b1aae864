// An application that does not read costs a bounded amount of memory and nobody else anything.
import assert from "node:assert/strict";
import type { Peer } from "./harness/peer_process.ts";
import { residentBytes } from "./harness/proc.ts";
import { e2e, type Scene } from "./harness/scene.ts";
import type { TestMesh } from "./harness/mesh.ts";
import { pause, until } from "./harness/wait.ts";

const STALLED = 8;
/**
 * What a process may grow by with 8 stalled connections of a few MiB of window each: far
 * more than it needs, and far less than the gigabytes a second an unbounded queue takes.
 */
const GROWTH_LIMIT = 256 * 2 ** 20;

/** Waits until a client's count of bytes taken has stood still for a while. */
async function stuck(client: Peer): Promise<void> {
  let last = -1;
  await until(`${client.name} to be held back`, () => {
    const now = Number(
      client.reports.findLast(({ event }) => event === "pushed")?.bytes ?? -1,
    );
    const still = now >= 0 && now === last;
    last = now;
    return still;
  }, { everyMs: 1_000, limitMs: 30_000 });
}

/** Starts to watch an echo, and returns a check that it still comes. */
async function heartbeat(
  scene: Scene,
  mesh: TestMesh<"local" | "web" | "db">,
  to: "web" | "db",
) {
  const { local } = mesh.hosts;
  await scene.server(mesh.hosts[to].namespace, "echo", 9001);
  const client = scene.client(local.namespace, "beat", mesh.hosts[to].vip, 9001);
  const first = await client.report("beat");
  return async () => {
    const before = client.reports.filter(({ event }) => event === "beat").length;
    await client.report("beat", ({ beats }) => Number(beats) >= before + 20);
    assert.equal(first.event, "beat");
  };
}

const ports = [
  "9000:127.0.0.1:9000",
  "9001:127.0.0.1:9001",
  "9002:127.0.0.1:9002",
  "9003:127.0.0.1:9003",
];

e2e("readers that stall are held back, and nobody else is", async (scene) => {
  const mesh = await scene.mesh({ local: {}, web: { ports }, db: { ports } });
  const { local, web } = mesh.hosts;
  const processes = { manager: mesh.manager.pid, agent: mesh.agent("web") };
  const before = Object.values(processes).map(residentBytes);
  await scene.server(web.namespace, "stalled", 9000);
  await scene.server(web.namespace, "source", 9002);
  const beats = [await heartbeat(scene, mesh, "web"), await heartbeat(scene, mesh, "db")];

  // Half of them stall at the server, half at the client.
  const pushing = scene.client(local.namespace, "push", web.vip, 9000, STALLED);
  await scene.client(local.namespace, "hang", web.vip, 9002, STALLED).report("connected");
  await stuck(pushing);
  for (const beat of beats) await beat();

  // Held back for good: nothing moves, and no memory is taken for what does not move.
  await pause(2_000);
  for (const beat of beats) await beat();
  for (const [index, [name, pid]] of Object.entries(processes).entries()) {
    const growth = residentBytes(pid) - before[index]!;
    assert.ok(growth < GROWTH_LIMIT, `the ${name} grew by ${growth >> 20} MiB`);
  }
}, { limitMs: 90_000 });

e2e(
  "readers that stall by the hundred take nothing from the others for good",
  async (scene) => {
    const mesh = await scene.mesh({ local: {}, web: { ports }, db: { ports } });
    const { local, web, db } = mesh.hosts;
    for (const { namespace } of [local, web, db]) await namespace.limitKernelBuffers();
    await scene.server(web.namespace, "stalled", 9000);
    await scene.server(web.namespace, "source", 9002);
    const pushing = scene.client(local.namespace, "push", web.vip, 9000, 500);
    await scene.client(local.namespace, "hang", web.vip, 9002, 500).report("connected");
    await stuck(pushing);
    // Connections made only now, when the pools are at their shortest.
    for (const to of ["web", "db"] as const) {
      const beat = await heartbeat(scene, mesh, to);
      await beat();
    }
    for (const { namespace, vip } of [web, db]) {
      await scene.server(namespace, "serve-exchange", 9003, "8Mi", 2);
      const client = scene.client(local.namespace, "exchange", vip, 9003, "8Mi", 1);
      const { receivedBytes, ending } = await client.report("done");
      assert.deepEqual({ receivedBytes, ending }, {
        receivedBytes: 8 * 2 ** 20,
        ending: "end",
      });
    }
  },
  { limitMs: 120_000 },
);
