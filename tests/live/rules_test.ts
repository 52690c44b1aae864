/**
 * Rules that come and go by command, with real meshes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { processesIn } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until, within } from "../harness/scene/wait.ts";
import { LiveMesh, ran } from "./live_mesh.ts";

/** What curl gets of a port of that machine; nothing if nobody listens. */
async function page(from: Namespace, port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/`;
  const curl = from.command("curl", "-s", "--max-time", "10", url);
  return (await ran(...curl)).stdout;
}

e2e("an egress rule comes by command, is used, saved, and goes", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  await scene.server(mesh.there, "http", 80, "web ");
  const rule = ["egress", "tcp:5000:web:8080"] as const;
  assert.equal(await page(mesh.here, 5000), "");
  const added = await mesh.command("proxy", "add", ...rule);
  assert.deepEqual(added, { status: 0, stdout: "~ local: egress\n", stderr: "" });
  await until("the port", async () => (await page(mesh.here, 5000)).startsWith("web"));
  const again = await mesh.command("proxy", "add", ...rule);
  assert.match(again.stderr, /has the egress rule .* already/);

  await mesh.tells(
    /~ web: ports/,
    () => Deno.writeTextFile(mesh.path, mesh.text(8081)),
  );
  const list = await mesh.command("proxy", "list", "egress");
  assert.match(list.stdout, /^local +egress +tcp:5000:web:8080 +\(added\)$/m);
  const removed = await mesh.command("proxy", "remove", ...rule);
  assert.deepEqual(removed, { status: 0, stdout: "~ local: egress\n", stderr: "" });
  await until("the end of the port", async () => await page(mesh.here, 5000) === "");

  const saved = await mesh.command(
    "proxy",
    "add",
    "egress",
    "tcp:5001:web:8081",
    "--save",
  );
  assert.equal(saved.stdout, `~ local: egress\nWritten into ${mesh.path}\n`);
  assert.equal(
    await Deno.readTextFile(mesh.path),
    mesh.text(8081).replace("42.100 }", `42.100, egress: ["tcp:5001:web:8081"] }`),
  );
  await until("the port", async () => (await page(mesh.here, 5001)).startsWith("web"));
  const kept = await mesh.command("proxy", "remove", "egress", "tcp:5001:web:8081");
  assert.equal(kept.status, 1);
  assert.match(kept.stderr, /stands at .*\.yaml:3:\d+, and goes when it is taken out/);
}, { needs: ["curl"], limitMs: 120_000 });

e2e("two egress rules of one port take turns", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const db = await scene.namespace();
  await scene.server(mesh.there, "http", 80, "web ");
  await scene.server(db, "http", 80, "db ");
  const cmd = JSON.stringify(db.command(...NOROUTER));
  const yaml = `{ cmd: ${cmd}, ports: ["80:127.0.0.1:80"] }`;
  await mesh.tells(/db +Ready at/, () => mesh.command("host", "add", "db", yaml));
  for (const target of ["web:8080", "db:80"]) {
    const { status } = await mesh.command("proxy", "add", "egress", `tcp:5000:${target}`);
    assert.equal(status, 0);
  }
  await until("both to answer", async () => {
    const pages = [await page(mesh.here, 5000), await page(mesh.here, 5000)];
    return pages.map((text) => text.split(" ")[0]).sort().join() === "db,web";
  });
}, { needs: ["curl"], limitMs: 120_000 });

/** Fails unless that many clients in a row are answered by `web`, all of them soon. */
async function servedByWeb(mesh: LiveMesh, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    // More than the second after which the next target is tried, on a busy machine.
    const text = await within("an answer", page(mesh.here, 5000), 6000);
    assert.match(text, /^web /);
  }
}

e2e("clients do not wait for an egress target that is frozen", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const db = await scene.namespace();
  await scene.server(mesh.there, "http", 80, "web ");
  await scene.server(db, "http", 80, "db ");
  const servers = processesIn(db.name);
  const cmd = JSON.stringify(db.command(...NOROUTER));
  const yaml = `{ cmd: ${cmd}, ports: ["80:127.0.0.1:80"] }`;
  await mesh.tells(/db +Ready at/, () => mesh.command("host", "add", "db", yaml));
  for (const target of ["db:80", "web:8080"]) {
    await mesh.command("proxy", "add", "egress", `tcp:5000:${target}`);
  }
  await until("db to answer", async () => (await page(mesh.here, 5000)).startsWith("db"));

  const { mark } = mesh.manager;
  for (const pid of processesIn(db.name)) {
    if (!servers.includes(pid)) kill(pid, "SIGSTOP");
  }
  await servedByWeb(mesh, 4);
  assert.doesNotMatch(mesh.manager.since(mark), /\bdb\b/, "nobody had noticed yet");
}, { needs: ["curl"], limitMs: 120_000 });

e2e("clients do not wait for an egress target whose host is starting", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const db = await scene.namespace();
  await scene.server(mesh.there, "http", 80, "web ");
  await scene.server(db, "http", 80, "db ");
  const gate = `${await scene.folder()}/gate`;
  const waits = `until [ -e ${gate} ]; do sleep 0.1; done; exec "$@"`;
  const cmd = JSON.stringify(["sh", "-c", waits, "sh", ...db.command(...NOROUTER)]);
  const yaml = `{ cmd: ${cmd}, ports: ["80:127.0.0.1:80"], connectTimeout: 100s }`;
  assert.equal((await mesh.command("host", "add", "db", yaml)).status, 0);
  for (const target of ["db:80", "web:8080"]) {
    await mesh.command("proxy", "add", "egress", `tcp:5000:${target}`);
  }
  await until("the port", async () => await page(mesh.here, 5000) !== "");
  await servedByWeb(mesh, 4);

  await mesh.tells(/db +Ready at/, () => Deno.writeTextFile(gate, ""));
  await until("db to answer", async () => (await page(mesh.here, 5000)).startsWith("db"));
}, { needs: ["curl"], limitMs: 120_000 });

e2e("rules of the command line are those of this machine", async (scene) => {
  const mesh = await LiveMesh.start(scene, 8080, "--egress", "tcp:5000:web:8080");
  await scene.server(mesh.there, "http", 80, "web ");
  assert.match(await page(mesh.here, 5000), /^web/);
});

e2e("a mesh of rules needs no manifest", async (scene) => {
  const [here, there] = [await scene.namespace(), await scene.namespace()];
  await scene.server(there, "http", 8080, "far ");
  const to = `cmd: ${JSON.stringify(there.command(...NOROUTER))}`;
  const command = [
    ...NOROUTER,
    ...["proxy", "--egress", "tcp:5000:host:8080", "--to", to, "--control", "off"],
  ];
  const manager = scene.start("proxy", command, { namespace: here });
  await manager.line(/Every host is ready/);
  assert.match(await page(here, 5000), /^far/);
}, { needs: ["curl"] });
