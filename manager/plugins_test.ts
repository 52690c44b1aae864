// Plug-ins in meshes that a program starts.
import assert from "node:assert/strict";
import type { MeshOptions } from "./contract.ts";
import { startMesh } from "./mesh.ts";

/** Opens nothing, and says so in a way that nobody else does. */
const FAR = `export default ({ SpecError }) => ({
  name: "far",
  parse(spec) {
    if (spec?.to === undefined) throw new SpecError(["to"], "wanted a place");
    return spec.to;
  },
  describe: (to) => "far to " + to,
  open: (to) => Promise.reject(new Error("there is no way to " + to)),
});`;

/** The failure of the one host of a mesh, and how it was to be reached. */
async function failureOf(
  manifest: Parameters<typeof startMesh>[0],
  options: MeshOptions = {},
): Promise<[command: string, message: string]> {
  await using mesh = await startMesh(manifest, options);
  const { failed } = await mesh.ready();
  return [failed[0]!.host.command, failed[0]!.message];
}

Deno.test("a program's mesh loads a plug-in beside its manifest, or at a file's URL", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.writeTextFile(`${folder}/far.js`, FAR);
    const path = `${folder}/mesh.yaml`;
    await Deno.writeTextFile(
      path,
      "hosts: { a: { transport: ./far.js, with: { to: b } } }",
    );
    const transport = new URL(`file://${folder}/far.js`).href;
    for (const manifest of [path, { hosts: { a: { transport, with: { to: "b" } } } }]) {
      const [command, message] = await failureOf(manifest);
      assert.equal(command, "far to b");
      assert.match(message, /there is no way to b/);
    }
    await assert.rejects(
      startMesh({ hosts: { a: { transport, with: {} } } }),
      /manifest: hosts.a.with: error: "with": wanted a place/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a plug-in from elsewhere is loaded if the program allows it", async () => {
  const answer = () =>
    new Response(FAR, { headers: { "content-type": "text/javascript" } });
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const server = Deno.serve(options, answer);
  try {
    const transport = `http://127.0.0.1:${server.addr.port}/far`;
    const manifest = { hosts: { a: { transport, with: { to: "b" } } } };
    await assert.rejects(
      startMesh(manifest),
      /manifest: hosts.a.transport: error: the plug-in \S+ is code from elsewhere/,
    );
    const [command] = await failureOf(manifest, { allowPlugins: [transport] });
    assert.equal(command, "far to b");
  } finally {
    await server.shutdown();
  }
});
