/**
 * What the other tests rely on: output is kept, waits have limits, nothing is left
 * behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isAlive } from "./proc.ts";
import { Process } from "./process.ts";
import { needs } from "./requirements.ts";
import { e2e } from "./scene.ts";
import { until } from "./wait.ts";

const ignore = needs("sh").ignore;

Deno.test({ name: "a process's lines are kept and waited for", ignore }, async () => {
  await using process = new Process("shell", [
    "sh",
    "-c",
    "echo one; echo two >&2; exec sleep 60",
  ]);
  await process.line(/^one$/);
  await process.line(/^two$/);
  assert.match(process.transcript, /err two/);
  assert.equal(process.hasExited, false);
});

Deno.test({ name: "a wait for a line fails when the process ends", ignore }, async () => {
  await using process = new Process("shell", ["sh", "-c", "echo last"]);
  await assert.rejects(process.line(/never/), /ended without a line like/);
  assert.equal((await process.end()).code, 0);
});

Deno.test(
  { name: "a process that ignores SIGTERM is ended all the same", ignore },
  async () => {
    let pid: number;
    {
      await using process = new Process("stubborn", [
        "sh",
        "-c",
        "trap '' TERM; echo up; while :; do sleep 1; done",
      ]);
      pid = process.pid;
      await process.line(/up/);
    }
    assert.equal(isAlive(pid), false);
  },
);

Deno.test("a wait in vain says what it waited for", async () => {
  await assert.rejects(
    until("the moon", () => false, { limitMs: 30 }),
    /Waited 0\.03 s in vain for the moon/,
  );
});

let orphan = 0;
e2e("a process left in a namespace is found there", async (scene) => {
  const namespace = await scene.namespace();
  // The shell ends and leaves the sleep to nobody.
  const shell = scene.start(
    "shell",
    ["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"],
    {
      namespace,
    },
  );
  orphan = Number((await shell.line(/^\d+$/))[0]);
  await shell.end();
  assert.equal(isAlive(orphan), true);
});

Deno.test({
  name: "and killed when the test has ended",
  ignore: needs("namespaces").ignore,
}, () => {
  assert.notEqual(orphan, 0);
  assert.equal(isAlive(orphan), false);
});
