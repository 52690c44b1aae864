/**
 * A manifest that changes under its mesh, in all the ways in which files do.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { LiveMesh, ran } from "./live_mesh.ts";

const PORTS = /~ web: ports/;

/** How programs write a file, by shell: $0 is the new content's file, $1 the manifest. */
const EDITORS: readonly [who: string, script: string][] = [
  ["writes in place", 'cat "$0" > "$1"'],
  ["puts another file in its place", 'cp "$0" "$1.tmp" && mv "$1.tmp" "$1"'],
  [
    "keeps a backup, as vim does",
    'cp "$0" "$1.4913"; rm "$1.4913"; mv "$1" "$1~"; cat "$0" > "$1"; sync "$1"; rm "$1~"',
  ],
  ["takes it away for a moment", 'rm "$1"; sleep 0.5; cat "$0" > "$1"'],
  ["writes bit by bit", 'dd if="$0" of="$1" bs=16 status=none'],
];

e2e("every way in which an editor writes the manifest is a reload", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const next = `${await scene.folder()}/next`;
  let port = 8080;
  for (const [who, script] of EDITORS) {
    await Deno.writeTextFile(next, mesh.text(++port));
    await mesh.tells(PORTS, async () => {
      const { status } = await ran("sh", "-c", script, next, mesh.path);
      assert.equal(status, 0, who);
    });
  }
  assert.doesNotMatch(mesh.manager.since(), /cannot be used/);
}, { limitMs: 120_000 });

e2e("a ConfigMap that is swapped is a reload", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const folder = mesh.path.slice(0, mesh.path.lastIndexOf("/"));
  const file = mesh.path.slice(folder.length + 1);
  const publish = async (number: number) => {
    await Deno.mkdir(`${folder}/..${number}`);
    await Deno.writeTextFile(`${folder}/..${number}/${file}`, mesh.text(8080 + number));
    await Deno.symlink(`..${number}`, `${folder}/..data_tmp`);
    await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
  };
  await mesh.tells(PORTS, async () => {
    await publish(1);
    await Deno.symlink(`..data/${file}`, `${mesh.path}.new`);
    await Deno.rename(`${mesh.path}.new`, mesh.path);
  });
  for (const number of [2, 3]) {
    await mesh.tells(PORTS, async () => {
      await publish(number);
      await Deno.remove(`${folder}/..${number - 1}`, { recursive: true });
    });
  }
});

e2e(
  "a broken, half-written or vanished manifest changes nothing and is told once",
  async (scene) => {
    const mesh = await LiveMesh.start(scene);
    const text = mesh.text(8081);
    const whole = await Deno.readTextFile(mesh.path);
    await mesh.tells(
      /cannot be used, and nothing has changed: .*:\d+:\d+: error/,
      () => Deno.writeTextFile(mesh.path, text.slice(0, -20)),
    );
    await mesh.tells(/Nothing is different/, () => Deno.writeTextFile(mesh.path, whole));
    await mesh.tells(
      /cannot be used.*there is no such file/,
      () => Deno.remove(mesh.path),
    );
    await mesh.tells(PORTS, () => Deno.writeTextFile(mesh.path, text));
    assert.equal(mesh.manager.since().match(/cannot be used/g)!.length, 2);
    const { status, stdout } = await mesh.command("status");
    assert.equal(status, 0);
    assert.match(stdout, /2 of 2 hosts ready|1 of 2 hosts ready/);
  },
);

e2e("what does not change goes on while hosts come and go", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const folder = await scene.folder();
  const site = `${folder}/site`;
  await Deno.mkdir(site);
  const bytes = new Uint8Array(12 * 2 ** 20);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * i) >> 7;
  await Deno.writeFile(`${site}/large`, bytes);
  const server = scene.start("server", [
    ...["python3", "-u", "-m", "http.server", "-d", site, "-b", "127.0.0.1", "80"],
  ], { namespace: mesh.there });
  await server.line(/Serving/);
  const got = `${folder}/got`;
  const curl = scene.start("curl", [
    ...["curl", "-sS", "--limit-rate", "2M", "-o", got],
    "http://127.0.42.101:8080/large",
  ], { namespace: mesh.here });
  await until(
    "the download to begin",
    () => Deno.stat(got).then(({ size }) => size > 0, () => false),
  );
  const more = `  db: ${mesh.host()}\n`;
  await mesh.tells(
    /db +Ready/,
    () => Deno.writeTextFile(mesh.path, mesh.text(8080, more)),
  );
  await mesh.tells(/Closed: db/, () => Deno.writeTextFile(mesh.path, mesh.text(8080)));
  assert.ok((await Deno.stat(got)).size < bytes.length, "it is still under way");
  assert.equal((await curl.end()).code, 0);
  assert.deepEqual(await Deno.readFile(got), bytes);
}, { needs: ["curl", "python3"] });

e2e(
  "with --watch=off the manifest is read again when somebody says so",
  async (scene) => {
    const mesh = await LiveMesh.start(scene, 8080, "--watch=off");
    await Deno.writeTextFile(mesh.path, mesh.text(8081));
    await mesh.tells(PORTS, () => mesh.manager.signal("SIGHUP"));
    await Deno.writeTextFile(mesh.path, mesh.text(8082));
    const { status, stdout } = await mesh.command("reload");
    assert.deepEqual([status, stdout], [0, "~ web: ports\n"]);
    assert.equal(mesh.manager.since().match(/mesh has changed/g)!.length, 2);
    await Deno.writeTextFile(mesh.path, "hosts: 3");
    const failed = await mesh.command("reload");
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /^\S+\.yaml:1:8: error: "hosts" is "3"/);
  },
);

/** Makes a FIFO; nobody writes into it. */
async function fifo(path: string): Promise<void> {
  assert.equal((await ran("mkfifo", path)).status, 0);
}

/** What is told of a FIFO in the manifest's place. */
const FIFO = /cannot be used.*it is a named pipe \(FIFO\)/;

/** What may be done to the manifest's folder; then the mesh has to end all the same. */
const WITH_FIFOS: Readonly<Record<string, (mesh: LiveMesh) => Promise<void>>> = {
  "beside it": async (mesh) => {
    // By the first of these the watch is known to have begun.
    await mesh.tells(PORTS, () => Deno.writeTextFile(mesh.path, mesh.text(8081)));
    await fifo(`${mesh.path}.other`);
    await mesh.tells(PORTS, () => Deno.writeTextFile(mesh.path, mesh.text(8082)));
  },
  "in its place": async (mesh) => {
    await fifo(`${mesh.path}.new`);
    await mesh.tells(FIFO, () => Deno.rename(`${mesh.path}.new`, mesh.path));
    const { status, stderr } = await mesh.command("reload");
    assert.equal(status, 1);
    assert.match(stderr, /it is a named pipe/);
    await mesh.tells(PORTS, async () => {
      await Deno.writeTextFile(`${mesh.path}.new`, mesh.text(8081));
      await Deno.rename(`${mesh.path}.new`, mesh.path);
    });
    await fifo(`${mesh.path}.new`);
    await mesh.tells(FIFO, () => Deno.rename(`${mesh.path}.new`, mesh.path));
  },
  "behind its link": async (mesh) => {
    const point = async (target: string) => {
      await Deno.symlink(target, `${mesh.path}.link`);
      await Deno.rename(`${mesh.path}.link`, mesh.path);
    };
    await Deno.writeTextFile(`${mesh.path}.real`, mesh.text(8081));
    await fifo(`${mesh.path}.pipe`);
    await mesh.tells(PORTS, () => point(`${mesh.path}.real`));
    await mesh.tells(FIFO, () => point(`${mesh.path}.pipe`));
  },
};

for (const [where, act] of Object.entries(WITH_FIFOS)) {
  e2e(
    `a mesh whose manifest has a FIFO ${where} goes on, and ends at once`,
    async (scene) => {
      const mesh = await LiveMesh.start(scene);
      await act(mesh);
      assert.equal((await mesh.command("down")).status, 0);
      await until("the mesh to end", () => mesh.manager.hasExited);
    },
  );
}
