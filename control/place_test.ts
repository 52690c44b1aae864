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
