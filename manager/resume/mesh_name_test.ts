import assert from "node:assert/strict";
import { resolve } from "node:path";
import { Bench, staying } from "../_bench.ts";
import { meshName } from "./mesh_name.ts";

Deno.test("the name of a mesh is that of its manifest's path, or of its own", () => {
  const name = meshName({ path: "mesh.yaml" });
  assert.match(name, /^[0-9a-f]{16}$/);
  assert.equal(meshName({ path: resolve("mesh.yaml") }), name);
  assert.notEqual(meshName({ path: "other.yaml" }), name);
  assert.notEqual(meshName({ name: resolve("mesh.yaml") }), name);
  assert.equal(meshName({ name: "one" }), meshName({ name: "one" }));
});

Deno.test("an object is another mesh each time, unless it is named", async () => {
  const named = async (name?: string): Promise<string> => {
    const options = name === undefined ? {} : { name };
    await using bench = await new Bench().start(
      { hosts: { a: { fake: staying } } },
      options,
    );
    return bench.agent("a").messages[0]!.body.args.resume.mesh;
  };
  assert.notEqual(await named(), await named());
  assert.equal(await named("one"), await named("one"));
});
