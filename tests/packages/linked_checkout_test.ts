/**
 * A project beside a checkout, which uses it by the field "links" of its own deno.json.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withFiles } from "../../cli/_run.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

const PROGRAM = `
import { parseManifest, builtinTransports } from "@norouter/cli/mod";
const text = "hosts: { web: { cmd: sh } }";
const manifest = parseManifest(text, { path: "mesh.yaml", transports: builtinTransports });
console.log(manifest.hosts[0].name);`;

const PLUGIN_TEST = `
import { conformance, kit } from "@norouter/cli/testing";
import plugin from "${ROOT}examples/chroot.ts";
const chroot = plugin(kit);
conformance("here", { echo: (context) => kit.openProcess(["cat"], context) });
Deno.test("a plug-in describes its host", () => {
  chroot.describe(chroot.parse({ root: "/srv" }));
});`;

Deno.test("a project that links a checkout imports the library and tests plug-ins", async () => {
  const files = {
    "deno.json": JSON.stringify({ links: [ROOT] }),
    "main.ts": PROGRAM,
    "plugin_test.ts": PLUGIN_TEST,
  };
  await withFiles(files, async (cwd) => {
    const deno = async (...args: string[]) => {
      const env = { NO_COLOR: "1" };
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args,
        cwd,
        env,
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.ok(success, text + new TextDecoder().decode(stderr));
      return text;
    };
    assert.equal(await deno("run", "-A", "main.ts"), "web\n");
    assert.match(await deno("test", "-A", "--no-check", "plugin_test.ts"), /\| 0 failed/);
  });
});
