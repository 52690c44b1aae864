import assert from "node:assert/strict";
import { ControlPlace, runningMeshes } from "./place.ts";

const ignore = Deno.build.os === "windows";

function test(name: string, fn: (name: string) => void | Promise<void>): void {
  Deno.test({ name, ignore, fn: () => fn(`test-${crypto.randomUUID().slice(0, 8)}`) });
}

/** Meshes of this test. */
function meshesLike(name: string): string[] {
  return runningMeshes().map((mesh) => mesh.name).filter((each) => each.startsWith(name));
}

test("a mesh is found by its name as long as it has its place", (name) => {
  const place = ControlPlace.take(`/x/${name}.yaml`);
  assert.equal(place.name, name);
  const found = runningMeshes().find((mesh) => mesh.name === name);
  assert.deepEqual(found, {
    name,
    manifest: `/x/${name}.yaml`,
    pid: Deno.pid,
    socket: place.socket,
  });
  const folder = place.socket.replace(/\/control$/, "");
  assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700);
  place.release();
  assert.deepEqual(meshesLike(name), []);
  assert.throws(() => Deno.statSync(folder), Deno.errors.NotFound);
});

test("whoever finds a mesh is told the whole path of its manifest", (name) => {
  for (
    const [given, path] of [[`x/${name}.yaml`, `${Deno.cwd()}/x/${name}.yaml`], [
      "-",
      "-",
    ]]
  ) {
    const place = ControlPlace.take(given!, name);
    assert.equal(runningMeshes().find((mesh) => mesh.name === name)?.manifest, path);
    place.release();
  }
});

test("a second mesh of a name gets another", (name) => {
  const paths = [`/x/${name}.yaml`, `/y/${name}.yaml`, `/y/${name}.yaml`];
  const places = paths.map((path) => ControlPlace.take(path));
  assert.deepEqual(meshesLike(name), places.map((place) => place.name).sort());
  assert.match(places[1]!.name, new RegExp(`^${name}-[0-9a-f]{8}$`));
  assert.equal(places[2]!.name, `${places[1]!.name}-2`);
  places[0]!.release();
  const again = ControlPlace.take(`/z/${name}.yaml`);
  assert.equal(again.name, name);
  for (const place of [again, ...places.slice(1)]) place.release();
});

test("what a killed mesh left is no obstacle, and no mesh", (name) => {
  const first = ControlPlace.take(`/x/${name}.yaml`);
  const folder = first.socket.replace(/\/control$/, "");
  first.release();
  Deno.mkdirSync(folder, { mode: 0o700, recursive: true });
  Deno.writeTextFileSync(`${folder}/lock`, `{"name":"${name}","pid":1}\n`);
  Deno.listen({ transport: "unix", path: `${folder}/control` }).close();
  assert.deepEqual(meshesLike(name), []);
  const second = ControlPlace.take(`/x/${name}.yaml`);
  assert.equal(second.name, name);
  Deno.listen({ transport: "unix", path: second.socket }).close();
  second.release();
});

/** A folder as a killed manager leaves it. */
function leave(folder: string, mode = 0o700): void {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  Deno.chmodSync(folder, mode);
  Deno.writeTextFileSync(`${folder}/lock`, `{"name":"x","pid":1}\n`);
  // A listener of Deno takes its socket away when it is closed.
  Deno.writeTextFileSync(`${folder}/control`, "");
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

test("whoever looks for meshes removes what a killed one left, and nothing else", (name) => {
  const mesh = ControlPlace.take(`/x/${name}.yaml`);
  const outer = mesh.socket.replace(/\/[^/]+\/control$/, "");
  const id = name.replace("test-", "");
  const [dead, open, full, agent, bare] = [
    ...[`${name}d`, `${name}o`, `${name}f`, `keep-${id}`, `${name}b`],
  ].map((each) => `${outer}/${each}`) as [string, string, string, string, string];
  leave(dead);
  leave(open, 0o755);
  leave(full);
  Deno.writeTextFileSync(`${full}/mine`, "");
  leave(agent);
  Deno.mkdirSync(bare, { mode: 0o700 });
  Deno.symlinkSync(agent, `${outer}/${name}l`);
  try {
    assert.deepEqual(meshesLike(name), [name]);
    assert.ok(!isThere(dead));
    for (const other of [open, full, agent]) {
      assert.ok(isThere(`${other}/lock`), other);
      assert.ok(isThere(`${other}/control`), other);
    }
    assert.ok(isThere(bare), "a manager may have just made it");
    assert.ok(isThere(`${outer}/${name}l`));
  } finally {
    Deno.removeSync(`${outer}/${name}l`);
    for (const left of [open, full, agent, bare]) {
      Deno.removeSync(left, { recursive: true });
    }
    mesh.release();
  }
});

test("managers that start while others look all get the name that is free", async (name) => {
  const looker = new Worker(
    `data:application/javascript,${
      encodeURIComponent(
        `import { runningMeshes } from ${
          JSON.stringify(new URL("./place.ts", import.meta.url).href)
        };
        postMessage("ready");
        onmessage = () => {
          const end = performance.now() + 1000;
          let looks = 0;
          while (performance.now() < end) { runningMeshes(); looks++; }
          postMessage(looks);
        };`,
      )
    }`,
    { type: "module" },
  );
  const next = () =>
    new Promise<unknown>((resolve) => looker.onmessage = ({ data }) => resolve(data));
  await next();
  const done = next();
  looker.postMessage("look");
  const end = performance.now() + 1000;
  let starts = 0;
  try {
    for (; performance.now() < end; starts++) {
      const place = ControlPlace.take(`/x/${name}.yaml`);
      assert.equal(place.name, name, `start ${starts}`);
      assert.ok(isThere(place.socket.replace(/control$/, "lock")));
      if (starts % 2 === 0) place.release();
      else {
        // Killed: its lock is free, its folder stays.
        const folder = place.socket.replace(/\/control$/, "");
        place.release();
        try {
          leave(folder);
        } catch (error) {
          // Somebody has found it, and taken it away, meanwhile.
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        }
      }
    }
    assert.ok(Number(await done) > 10 && starts > 10, `${starts} starts`);
  } finally {
    looker.terminate();
    ControlPlace.take(`/x/${name}.yaml`).release();
  }
});

test("something else of that name is no mesh either", (name) => {
  const first = ControlPlace.take(`/x/${name}.yaml`);
  const outer = first.socket.replace(/\/[^/]+\/control$/, "");
  Deno.writeTextFileSync(`${outer}/${name}x`, "a file");
  Deno.mkdirSync(`${outer}/${name}y`);
  assert.deepEqual(meshesLike(name), [name]);
  Deno.removeSync(`${outer}/${name}x`);
  Deno.removeSync(`${outer}/${name}y`);
  first.release();
});
