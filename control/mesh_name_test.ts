import assert from "node:assert/strict";
import { controlName, otherNames } from "./mesh_name.ts";

const TABLE: [manifest: string, name: string][] = [
  ["mesh.yaml", "mesh"],
  ["conf/Prod.YML", "Prod"],
  ["/etc/mesh", "mesh"],
  ["-", "stdin"],
  ["../a b:c.yaml", "a_b_c"],
  ["büro.yaml", "büro"],
  [".yaml", "mesh-"],
  [".hidden.yaml", "_hidden"],
  ["keep-0123.yaml", "mesh-keep-0123"],
  ["/dev/fd/63", "63"],
];

for (const [manifest, name] of TABLE) {
  Deno.test(`the mesh of ${manifest} is called ${name}`, () => {
    assert.equal(controlName(manifest), name);
  });
}

Deno.test("a name that was wished for is kept whole, if a folder can have it", () => {
  assert.equal(controlName("mesh.yaml", "prod.yaml"), "prod.yaml");
  assert.equal(controlName("mesh.yaml", "../x"), "_x".replace("_x", "__x"));
});

Deno.test("a long name is cut, and stays different from others", () => {
  const names = ["é".repeat(200), "é".repeat(201)].map((name) => controlName(name));
  assert.notEqual(names[0], names[1]);
  for (const name of names) assert.ok(new TextEncoder().encode(name).length <= 56);
});

Deno.test("other names tell meshes of different paths apart", () => {
  const first = (path: string) => otherNames("mesh", path).next().value;
  assert.match(first("/a/mesh.yaml")!, /^mesh-[0-9a-f]{8}$/);
  assert.notEqual(first("/a/mesh.yaml"), first("/b/mesh.yaml"));
  const some = [...otherNames("mesh", "mesh.yaml").take(3)];
  assert.equal(new Set(some).size, 3);
});
