import { strict as assert } from "node:assert";
import { CLI, withFiles } from "./_run.ts";

/** Asks the script for completions of a line, as readline would, with nothing else loaded. */
async function complete(cwd: string, words: readonly string[]): Promise<string[]> {
  const program = [Deno.execPath(), "run", "--quiet", "-A", CLI].join(" ");
  const script = `
norouter() { ${program} "$@"; }
for i in 1 2; do source <(norouter complete bash) || exit; done
COMP_LINE=$1; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_POINT=\${#COMP_LINE}
__norouter_complete
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const line = words.join(" ").replaceAll(/ ([=:])(?: |$)/g, "$1");
  const { success, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--noprofile", "--norc", "-c", script, "bash", line, ...words],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.ok(success);
  return new TextDecoder().decode(stdout).split("\n").filter(Boolean);
}

Deno.test("bash completes without its completion package, however often the script is sourced", async () => {
  await withFiles({ "mesh.yaml": "", "a:b.yaml": "", "notes.txt": "" }, async (cwd) => {
    await Deno.mkdir(`${cwd}/dir`);
    assert.deepEqual(await complete(cwd, ["norouter", "che"]), ["check"]);
    assert.deepEqual(await complete(cwd, ["norouter", "check", "m"]), ["mesh.yaml"]);
    assert.deepEqual(await complete(cwd, ["norouter", "check", "d"]), ["dir/"]);
    assert.deepEqual(await complete(cwd, ["norouter", "check", "a", ":", "b"]), [
      "b.yaml",
    ]);
    assert.deepEqual(await complete(cwd, ["norouter", "--log-format", ""]), [
      "human",
      "json",
    ]);
    assert.deepEqual(await complete(cwd, ["norouter", "--log-format", "=", "j"]), [
      "json",
    ]);
  });
});
