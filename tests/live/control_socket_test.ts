/**
 * The control socket and the commands that use it, with real meshes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { kill } from "../harness/scene/process.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { exists, LiveMesh, ran } from "./live_mesh.ts";

e2e("curl asks a mesh for its state, and changes it", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const status = JSON.parse((await mesh.curl("/v1/status")).stdout);
  assert.deepEqual(
    status.hosts.map((
      { name, vip, state }: Record<string, unknown>,
    ) => [name, vip, state]),
    [["local", "127.0.42.100", "ready"], ["web", "127.0.42.101", "ready"]],
  );
  for (const list of ["links", "listeners"]) assert.ok(Array.isArray(status[list]), list);
  assert.equal(status.flows.open, 0);
  const stream = scene.start("events", [
    ...["curl", "-sN", "--unix-socket", mesh.socket, "http://x/v1/events"],
  ]);
  await stream.line(/^:/);
  const body = JSON.stringify({ name: "db", host: mesh.host() });
  const added = await mesh.curl("/v1/hosts", "-d", body);
  assert.deepEqual(JSON.parse(added.stdout).added, ["db"]);
  await stream.line(/^event: reload/);
  const [, data] = await stream.line(/^data: (.*"type":"ready".*)/);
  assert.equal(JSON.parse(data!).host, "db");
  const wrong = JSON.stringify({ name: "x", host: "dokcer: web" });
  const refused = await mesh.curl("/v1/hosts", "-d", wrong, "-w", "%{http_code}");
  assert.match(refused.stdout, /"at":"host add x:1:1".*422$/);
  const api = JSON.parse((await mesh.curl("/openapi.json")).stdout);
  assert.ok("/v1/status" in api.paths);
  await mesh.curl("/v1/down", "-X", "POST");
  assert.equal((await mesh.manager.end()).code, 0);
  assert.equal((await stream.end()).code, 0);
  assert.ok(!exists(mesh.socket));
}, { needs: ["curl"] });

e2e("hosts come, start anew and go by command", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const add = () => mesh.command("host", "add", "db", mesh.host("vip: 127.0.42.150"));
  assert.deepEqual(await add(), { status: 0, stdout: "+ db\n", stderr: "" });
  const again = await add();
  assert.equal(again.status, 1);
  assert.match(again.stderr, /There is a host "db" already/);
  await mesh.manager.line(/db +Ready at 127.0.42.150/);
  await mesh.tells(/db +Ready again/, () => mesh.command("host", "restart", "db"));
  await Deno.writeTextFile(mesh.path, mesh.text(8081));
  await mesh.manager.line(/~ web: ports/);
  const { stdout } = await mesh.command("status", "--json");
  const { hosts } = JSON.parse(stdout);
  assert.deepEqual(
    hosts.map(({ name, added }: Record<string, unknown>) => [name, added]),
    [["local", false], ["web", false], ["db", true]],
  );
  const collision = `  db: ${mesh.host()}\n`;
  await mesh.tells(
    /"db", which was added by command, does not go with/,
    () => Deno.writeTextFile(mesh.path, mesh.text(8081, collision)),
  );
  const removed = await mesh.command("host", "remove", "db");
  assert.match(
    removed.stdout,
    /^- db\nIt is still in .*: the next reload starts it again/,
  );
  assert.equal((await mesh.command("host", "remove", "nothing")).status, 1);
  const table = await mesh.command("status");
  assert.match(table.stdout, /^web +127\.0\.42\.101 +(ready|starting|down)/m);
}, { limitMs: 120_000 });

e2e("of several meshes one is named, and one that ended is none", async (scene) => {
  const [one, two] = [await LiveMesh.start(scene), await LiveMesh.start(scene)];
  const both = await ran(...NOROUTER, "status");
  assert.equal(both.status, 2);
  assert.match(both.stderr, new RegExp(`--mesh NAME says which(.|\n)*${one.name} `));
  assert.match(both.stderr, new RegExp(`${two.name} .*\\(process ${two.manager.pid}\\)`));
  for (const mesh of [one, two]) {
    const { stdout } = await mesh.command("status", "--format", "json");
    assert.equal(JSON.parse(stdout).mesh.pid, mesh.manager.pid);
  }
  const down = await one.command("down");
  assert.deepEqual([down.status, down.stdout], [0, `${one.name} has ended\n`]);
  assert.equal((await one.manager.end()).code, 0);
  const gone = await one.command("status");
  assert.equal(gone.status, 1);
  assert.match(gone.stderr, /No mesh "live-/);
  assert.equal((await two.command("status")).status, 0);
});

e2e(
  "a second mesh of a name gets another, and the first keeps its own",
  async (scene) => {
    const name = `named-${crypto.randomUUID().slice(0, 8)}`;
    const one = await LiveMesh.start(scene, 8080, "--name", name);
    const two = await LiveMesh.start(scene, 8080, "--name", name);
    const line = new RegExp(`^(${name}-[0-9a-f]{8}) +.*process ${two.manager.pid}`, "m");
    const [, other] = await until("the second to be listed", async () => {
      const { stderr } = await ran(...NOROUTER, "status");
      return line.exec(stderr.replace(/^ +/gm, ""));
    });
    const { stdout } = await ran(...NOROUTER, "status", "--json", "--mesh", other!);
    assert.equal(JSON.parse(stdout).mesh.pid, two.manager.pid);
    const first = JSON.parse((await one.command("status", "--json")).stdout);
    assert.equal(first.mesh.pid, one.manager.pid);
  },
);

e2e(
  "a manager that was killed is no mesh, and its next has the same name",
  async (scene) => {
    const mesh = await LiveMesh.start(scene);
    kill(mesh.manager.pid, "SIGKILL");
    await mesh.manager.end();
    const gone = await mesh.command("status");
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /No mesh "live-/);
    await mesh.begin();
    const { stdout } = await mesh.command("status", "--json");
    assert.equal(JSON.parse(stdout).mesh.pid, mesh.manager.pid);
    assert.equal(JSON.parse(stdout).mesh.name, mesh.name);
  },
);

e2e("another user cannot open the socket", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const ask = ["curl", "-s", "--unix-socket", mesh.socket, "http://x/v1/status"];
  assert.equal((await ran(...ask)).status, 0);
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const { status, stdout } = await ran(...nobody, ...ask);
  assert.deepEqual([status, stdout], [7, ""], "could not connect");
}, { needs: ["curl", "setpriv"] });

e2e("events are told as lines and as JSON, until the mesh ends", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const follow = (...args: readonly string[]) =>
    scene.start("events", [...NOROUTER, "events", "--mesh", mesh.name, ...args]);
  const [lines, json] = [follow(), follow("--json")];
  await until("both to listen", async () => {
    await mesh.command("reload");
    return [lines, json].every((process) => /Nothing is different/.test(process.since()));
  });
  await mesh.command("down");
  for (const process of [lines, json]) assert.equal((await process.end()).code, 0);
  assert.match(lines.since(), /^\d\d:\d\d:\d\d\.\d{3} +info +Nothing is different in/m);
  const [first] = json.since().split("\n");
  assert.equal(JSON.parse(first!).type, "reload");
});

for (const args of [[], ["--json"]]) {
  e2e(`status --watch ${args.join()} ends in order with the mesh`, async (scene) => {
    const mesh = await LiveMesh.start(scene);
    const command = [...NOROUTER, "status", "--watch", "--mesh", mesh.name, ...args];
    const watch = scene.start("watch", command);
    await watch.line(/127\.0\.42\.101/);
    await mesh.command("down");
    assert.equal((await watch.end()).code, 0);
    assert.doesNotMatch(watch.since(), /error +/);
  });
}

e2e("a folder that is open to others is left alone, and told", async (scene) => {
  // The real folder belongs to all meshes of the machine.
  const folder = await scene.folder();
  const own = `/tmp/norouter-${Deno.uid()}`;
  const script = 'mount --bind "$0" /tmp && mkdir -m 700 "$1" && chmod 755 "$1" && ' +
    'shift && exec "$@"';
  const inside = (...args: readonly string[]) =>
    ran("unshare", "-m", "sh", "-c", script, folder, own, ...NOROUTER, ...args);
  const { status, stderr } = await inside("status", "--mesh", `none-${Deno.pid}`);
  assert.equal(status, 1);
  assert.match(stderr, /No mesh "none-/);
  assert.ok(stderr.includes(`${own} is open to others (its mode is 0755)`), stderr);
  assert.ok(stderr.includes(`"chmod 700 ${own}" makes it private again`), stderr);
}, { needs: ["unshare"] });

e2e("what a killed manager left goes with the next look", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  kill(mesh.manager.pid, "SIGKILL");
  await mesh.manager.end();
  const folder = mesh.socket.replace(/\/control$/, "");
  await ran(...NOROUTER, "status");
  assert.ok(!exists(folder));
});

e2e("with --control=off no command finds the mesh", async (scene) => {
  const mesh = await LiveMesh.start(scene, 8080, "--control=off");
  await mesh.tells(/~ web: ports/, () => Deno.writeTextFile(mesh.path, mesh.text(8081)));
  assert.equal((await mesh.command("status")).status, 1);
  assert.ok(!exists(mesh.socket));
});
