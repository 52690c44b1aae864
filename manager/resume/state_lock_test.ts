// One manager at a time uses a state file.
import assert from "node:assert/strict";
import { startOf } from "../../agent/keeper/processes.ts";
import { StateLock } from "./state_lock.ts";

async function withPath(use: (path: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/state`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a state file that is in use is refused, with the process that uses it", () =>
  withPath((path) => {
    const lock = StateLock.take(path);
    assert.throws(() => StateLock.take(path), {
      message:
        `Cannot use the state file ${path}: process ${Deno.pid} uses it. If that ` +
        `is no manager, remove ${path}.lock`,
    });
    lock.release();
    StateLock.take(path).release();
    assert.deepEqual([...Deno.readDirSync(path.replace(/\/state$/, ""))], []);
  }));

Deno.test("the lock of a process that is gone counts for nothing", () =>
  withPath(async (path) => {
    const child = new Deno.Command("true").spawn();
    await child.status;
    const texts = [`${child.pid} 1\n`, `${child.pid} -\n`, "", "nonsense\n"];
    if (Deno.build.os === "linux") texts.push(`${Deno.pid} ${startOf("self")}1\n`);
    for (const text of texts) {
      Deno.writeTextFileSync(`${path}.lock`, text);
      StateLock.take(path).release();
    }
  }));

Deno.test("a lock that cannot be made is told with the reason", () => {
  assert.throws(() => StateLock.take("/dev/null/state"), /^Error: Cannot lock the state/);
});
