// The list of meshes from which the user chooses.
import assert from "node:assert/strict";
import { listOf } from "./running.ts";

Deno.test("meshes are listed in aligned columns", () => {
  const mesh = (name: string, manifest: string, pid: number) => ({
    name,
    manifest,
    pid,
    socket: "",
  });
  const meshes = [
    mesh("mesh", "/srv/mesh.yaml", 7),
    mesh("mesh-0f3a", "/home/me/mesh.yaml", 4242),
  ];
  assert.equal(
    listOf(meshes),
    "mesh       /srv/mesh.yaml      (process 7)\n" +
      "mesh-0f3a  /home/me/mesh.yaml  (process 4242)",
  );
});
