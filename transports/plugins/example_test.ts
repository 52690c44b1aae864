/**
 * The example of a plug-in, as its author would test it, and as a manifest loads it.
 *
 * @module
 */
import assert from "node:assert/strict";
import plugin from "../../examples/chroot.ts";
import { SpecError } from "../mod.ts";
import { PluginSet } from "./load.ts";
import { conformance, kit } from "../testing.ts";

const chroot = plugin(kit);
const sh = (script: string) => ["sh", "-c", script];
const ROOT = { root: "/" };

// Only root may change its root.
if (Deno.build.os === "linux" && Deno.uid() === 0) {
  conformance("the example chroot", {
    echo: (context) => chroot.exec(ROOT, sh("exec cat"), context),
    failing: (context, lines, status) => {
      const script = lines.map((line) => `echo '${line}' >&2\n`).join("");
      return chroot.exec(ROOT, sh(`${script}exit ${status}`), context);
    },
  });
}

Deno.test("the kit has the words that start an agent, or name the one to go back to", () => {
  assert.deepEqual(kit.agentWords({}), ["agent", "--automated"]);
  const attach = "0123456789abcdef";
  const words = ["agent", "--automated", "--attach", attach];
  assert.deepEqual(kit.agentWords({ attach }), words);
  assert.throws(() => kit.agentWords({ attach: "; reboot" }), /names no agent/);
});

Deno.test("the example refuses what is wrong, and says where", () => {
  const table: [unknown, (string | number)[], RegExp][] = [
    [undefined, [], /wanted "root"/],
    [{ root: "srv" }, ["root"], /begins with "\/"/],
    [{ root: "/srv", usr: "me" }, ["usr"], /unknown option "usr"/],
    [{ root: "/srv", user: 7 }, ["user"], /wanted USER/],
  ];
  for (const [spec, path, message] of table) {
    assert.throws(() => chroot.parse(spec), (error) => {
      assert(error instanceof SpecError);
      assert.deepEqual(error.path, path);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("the example is loaded in every form, with and without TypeScript's own parser", async () => {
  const { href } = new URL("../../examples/chroot.ts", import.meta.url);
  for (const isCompiled of [false, true]) {
    const plugins = new PluginSet({ isCompiled });
    await plugins.load([{ specifier: "./chroot.ts" }], new URL(".", href).pathname);
    const [loaded] = plugins.transports;
    assert.deepEqual(plugins.find({ specifier: "./chroot.ts" }), loaded);
    assert.equal(loaded!.name, href);
    const options = loaded!.parse({ root: "/srv", user: "me" });
    assert.equal(loaded!.describe(options), "chroot --userspec=me /srv");
    assert.equal(typeof loaded!.exec, "function");
  }
});
