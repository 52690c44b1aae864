/**
 * A manager without descriptors is asked by commands: it goes on, they are told why it cannot
 * answer, and it answers when there are some again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { descriptorsOf, isAlive } from "../harness/scene/proc.ts";
import { until } from "../harness/scene/wait.ts";
import { LiveMesh } from "./live_mesh.ts";

/** The most descriptors that the manager may have. */
const LIMIT = 60;

/** Opens so many connections to a unix socket or a port, and holds them. */
const CROWD = `
import socket, sys, time
kind, place, count = sys.argv[1:]
crowd = []
for _ in range(int(count)):
    if kind == "unix":
        s = socket.socket(socket.AF_UNIX); s.setblocking(False)
        where = place
    else:
        s = socket.socket(); s.settimeout(5)
        host, port = place.split(":")
        where = (host, int(port))
    try: s.connect(where)
    except OSError: pass
    crowd.append(s)
print("all asked", flush=True)
time.sleep(600)`;

/** A mesh whose manager has few descriptors, and has answered nothing yet. */
async function limited(scene: Scene): Promise<LiveMesh> {
  const mesh = await LiveMesh.start(scene);
  await mesh.command("down");
  await mesh.manager.end();
  await mesh.begin("sh", "-c", `ulimit -n ${LIMIT}; exec "$@"`, "sh");
  await scene.server(mesh.there, "echo", 80);
  return mesh;
}

/** The same, whose manager has no descriptors left for a crowd of clients. */
async function crowded(scene: Scene) {
  const mesh = await limited(scene);
  const { manager } = mesh;
  const crowd = scene.start(
    "crowd",
    ["python3", "-c", CROWD, "tcp", "127.0.42.101:8080", "200"],
    { namespace: mesh.here },
  );
  await crowd.line(/all asked/, { limitMs: 60_000 });
  await manager.line(new RegExp(`no file descriptors are left \\(limit ${LIMIT}\\)`));
  return { mesh, manager, crowd };
}

e2e(
  "a manager without descriptors is asked, goes on, and answers when there are some",
  async (scene) => {
    const { mesh, manager, crowd } = await crowded(scene);
    assert.ok(descriptorsOf(manager.pid) >= LIMIT - 2);
    // Nobody takes these from the queue of the kernel.
    const asking = scene.start(
      "asking",
      ["python3", "-c", CROWD, "unix", mesh.socket, "20"],
    );
    await asking.line(/all asked/);
    const { mark } = manager;
    await Deno.writeTextFile(mesh.path, mesh.text(8080, `  db: ${mesh.host()}\n`));
    // Or before: a look at the beginning may have met the shortage.
    await manager.line(/The manifest cannot be read now, and .*no file descriptors/);
    assert.ok(isAlive(manager.pid) && !manager.hasExited);
    for (const process of [asking, crowd]) {
      process.signal("SIGKILL");
      await process.end();
    }
    await manager.line(/\+ db/, { after: mark });
    const { hosts } = await until("the mesh to answer", async () => {
      const { status, stdout } = await mesh.command("status", "--json");
      return status === 0 ? JSON.parse(stdout) : undefined;
    });
    assert.equal(hosts.length, 3);
    const text = manager.since();
    assert.doesNotMatch(text, /cannot be used|web +Ready again|Uncaught|panicked/);
    assert.ok(
      "/v1/status" in JSON.parse((await mesh.curl("/openapi.json")).stdout).paths,
    );
    await mesh.command("down");
    assert.equal((await manager.end()).code, 0);
  },
  { needs: ["python3", "curl"], limitMs: 120_000 },
);

e2e(
  "a command is told the reason for as long as the shortage lasts",
  async (scene) => {
    const { mesh, manager } = await crowded(scene);
    // By the mesh or, once it cannot even accept who asks, by the command itself.
    const told = new RegExp(`no file descriptors (are )?left \\(limit ${LIMIT}\\)`);
    for (let i = 0; i < 5; i++) {
      const { status, stderr } = await mesh.command("status");
      assert.equal(status, 1);
      assert.match(stderr, told);
    }
    assert.ok(!manager.hasExited);
  },
  { needs: ["python3"], limitMs: 120_000 },
);
