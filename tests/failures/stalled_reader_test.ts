/**
 * An application that does not read costs a bounded amount of memory and nobody else
 * anything.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Peer } from "../harness/peers/peer_process.ts";
import { residentBytes } from "../harness/scene/proc.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import type { TestMesh } from "../harness/scene/mesh.ts";
import { pause, until } from "../harness/scene/wait.ts";

const STALLED = 8;
/**
 * What a process may grow by with 8 stalled connections of a few MiB of window each: far
 * more than it needs, and far less than the gigabytes a second an unbounded queue takes.
 */
const GROWTH_LIMIT = 256 * 2 ** 20;

type Mesh = TestMesh<"local" | "web" | "db">;

/** Waits until a sender's count of bytes taken has stood still for a while. */
async function stuck(peer: Peer): Promise<void> {
  let last = -1;
  await until(`${peer.name} to be held back`, () => {
    const now = Number(
      peer.reports.findLast(({ event }) => event === "pushed")?.bytes ?? -1,
    );
    const still = now > 0 && now === last;
    last = now;
    return still;
  }, { everyMs: 1_000, limitMs: 30_000 });
}

/** Starts to watch an echo, and returns a check that it still comes. */
async function heartbeat(
  scene: Scene,
  mesh: Mesh,
  to: "web" | "db",
) {
  const { local } = mesh.hosts;
  await scene.server(mesh.hosts[to].namespace, "echo", 9001);
  const client = scene.client(local.namespace, "beat", mesh.hosts[to].vip, 9001);
  await client.report("beat");
  return async () => {
    const before = client.reports.filter(({ event }) => event === "beat").length;
    await client.report("beat", ({ beats }) => Number(beats) >= before + 20);
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

/** Enough to want several times the memory that a stack has. */
const CROWD = 500;

e2e(
  "servers that stall by the hundred take nothing from the others for good",
  async (scene) => {
    const mesh = await scene.mesh({ local: {}, web: { ports }, db: { ports } });
    for (const { namespace } of Object.values(mesh.hosts)) {
      await namespace
        .limitKernelBuffers();
    }
    const { local, web } = mesh.hosts;
    await scene.server(web.namespace, "stalled", 9000);
    await stuck(scene.client(local.namespace, "push", web.vip, 9000, CROWD));
    await newcomers(scene, mesh);
  },
  { limitMs: 120_000 },
);

e2e(
  "clients that stall by the hundred take nothing from the others for good",
  async (scene) => {
    const mesh = await scene.mesh({ local: {}, web: { ports }, db: { ports } });
    for (const { namespace } of Object.values(mesh.hosts)) {
      await namespace
        .limitKernelBuffers();
    }
    const { local, web } = mesh.hosts;
    const source = await scene.server(web.namespace, "source", 9002);
    await scene.client(local.namespace, "hang", web.vip, 9002, CROWD).report("connected");
    await stuck(source);
    await newcomers(scene, mesh);
  },
  { limitMs: 120_000 },
);

/** Connections made only now, when memory is at its shortest, work like any other. */
async function newcomers(scene: Scene, mesh: Mesh): Promise<void> {
  for (const to of ["web", "db"] as const) {
    const { namespace, vip } = mesh.hosts[to];
    const beat = await heartbeat(scene, mesh, to);
    await beat();
    const server = await scene.server(namespace, "serve-exchange", 9003, "8Mi", 2);
    const { local } = mesh.hosts;
    const client = scene.client(local.namespace, "exchange", vip, 9003, "8Mi", 1);
    const near = await client.report("done");
    const far = await server.report("closed");
    // The ends first: a stream cut short that ends as if it were whole is the worst case.
    for (const { receivedBytes, ending } of [near, far]) {
      assert.deepEqual({ receivedBytes, ending }, {
        receivedBytes: 8 * 2 ** 20,
        ending: "end",
      });
    }
    assert.equal(near.received, far.sent);
    assert.equal(far.received, near.sent);
  }
}
