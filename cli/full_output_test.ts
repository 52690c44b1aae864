/**
 * Results that cannot be written, and results nobody wants any more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CLI, withFiles } from "./_run.ts";

/** Commands that print a result, with files of the folder they run in. */
const COMMANDS: readonly string[] = [
  "--version",
  "--help",
  "help check",
  "check mesh.yaml",
  "show-example",
  "show-installer",
  "complete bash",
  "complete -- check ''",
  "discover ssh --format json",
  "discover ssh",
  "init --ssh machine -o -",
];
const FILES = {
  "mesh.yaml": "hosts: { local: {} }\n",
  ".ssh/config": "Host machine\n  HostName 127.0.0.1\n",
};
const ignore = Deno.build.os !== "linux";

/** Runs the program with its output redirected by bash. */
async function redirected(words: string, redirection: string) {
  const program = `"${Deno.execPath()}" run --quiet -A "${CLI}" ${words}`;
  return await withFiles({ "mesh.yaml": FILES["mesh.yaml"] }, async (cwd) => {
    await Deno.mkdir(`${cwd}/.ssh`);
    await Deno.writeTextFile(`${cwd}/.ssh/config`, FILES[".ssh/config"]);
    const { code, stderr } = await new Deno.Command("bash", {
      args: ["-c", `set -o pipefail; ${program} ${redirection}`],
      cwd,
      env: { NO_COLOR: "1", HOME: cwd, DENO_DIR: await cacheOf() },
    }).output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  });
}

/** With another home Deno would look for its cache there. */
async function cacheOf(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] })
    .output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

for (const words of COMMANDS) {
  Deno.test(
    `"norouter ${words}" on a full disk fails with one line`,
    { ignore },
    async () => {
      const { code, stderr } = await redirected(words, ">/dev/full");
      assert.match(
        stderr,
        /^error {2}Cannot write to standard output: No space left on device \(os error 28\)\n$/m,
      );
      assert.doesNotMatch(stderr, /^ +at |Uncaught/m);
      assert.equal(code, 1);
    },
  );
}

for (const words of ["show-example", "--help", "discover ssh --format json"]) {
  Deno.test(
    `"norouter ${words}" into a closed pager ends quietly`,
    { ignore },
    async () => {
      const { code, stderr } = await redirected(words, "| exec true");
      // The pager may have been quicker, or slower than all of it.
      assert.ok(code === 1 || code === 0, `${code}`);
      assert.doesNotMatch(stderr, /^error|^ +at |Uncaught/m);
    },
  );
}

Deno.test(
  "what is wrong is told by the status where it cannot be said",
  { ignore },
  async () => {
    for (const redirection of ["2>/dev/full", "2>&-", "<&- >&- 2>&-"]) {
      assert.equal((await redirected("frobnicate", redirection)).code, 2, redirection);
      assert.equal(
        (await redirected("check none.yaml", redirection)).code,
        1,
        redirection,
      );
      assert.equal(
        (await redirected("check mesh.yaml", redirection)).code,
        0,
        redirection,
      );
    }
  },
);
