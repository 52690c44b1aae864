import assert from "node:assert/strict";
import { IdleMemory } from "./idle_memory.ts";

const ignore = Deno.build.os !== "linux";
const MIB = 1 << 20;

Deno.test({
  name: "memory that is handed over goes back to the system, and may be used again",
  ignore,
  fn() {
    const memory = new Uint8Array(
      new WebAssembly.Memory({ initial: 1024 }).buffer as ArrayBuffer,
    );
    memory.fill(7);
    const part = memory.subarray(16 * MIB);
    const idle = new IdleMemory();
    const stop = idle.onQuiet((give) => give(part));
    const before = Deno.memoryUsage().rss;
    idle.release();
    const freed = before - Deno.memoryUsage().rss;
    assert.ok(freed > 40 * MIB, `${freed} bytes went back`);
    assert.equal(memory[16 * MIB - 1], 7, "memory beside it is left alone");
    part.fill(9);
    assert.equal(memory.at(-1), 9);
    stop();
    idle.release();
    assert.equal(memory.at(-1), 9, "nobody hands memory over any more");
  },
});

Deno.test("without a program that asks for it nothing is counted, and no timer runs", () => {
  const idle = new IdleMemory();
  idle.onQuiet(() => assert.fail("released"));
  idle.moved(100 * MIB); // the test runner fails for a timer that is left
});
