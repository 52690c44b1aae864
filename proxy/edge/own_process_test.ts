import assert from "node:assert/strict";
import { ownProcess } from "./own_process.ts";

Deno.test("the figures of this process are those of its system", () => {
  const first = ownProcess();
  const files = Array.from({ length: 50 }, () => Deno.openSync(Deno.execPath()));
  try {
    const second = ownProcess();
    assert.ok(second.cpuSeconds >= first.cpuSeconds && second.cpuSeconds > 0);
    assert.ok(second.residentBytes > 10e6);
    assert.ok(Math.abs(second.startedAt - Date.now() / 1000) < 3600);
    if (Deno.build.os !== "linux") return;
    const grown = second.openFiles! - first.openFiles!;
    assert.ok(grown >= 45 && grown <= 55, `${grown} more`);
    assert.ok(second.mostFiles! > second.openFiles!);
  } finally {
    for (const file of files) file.close();
  }
});
