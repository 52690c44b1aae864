import assert from "node:assert/strict";
import { stackModule } from "./module.ts";
import { Stack } from "./stack.ts";

Deno.test("a trap fails every connection, is told once, and ends the stack", async () => {
  const told: Error[] = [];
  const stack = new Stack(await stackModule(), {
    seed: new Uint32Array([1, 2, 3, 4]),
    onSyn: () => {},
    onTouched: () => {},
    onBroken: (error) => told.push(error),
  });
  stack.start(0x7f002a64);
  const connection = stack.connect(0x7f002a65, 80);
  const opened = assert.rejects(connection.opened(), { reason: "reset" });
  const beyondMemory = 4_000_000;
  const { exports } = stack.instance;
  assert.throws(() => exports.conn_peek(beyondMemory), /The TCP\/IP stack stopped/);
  await opened;
  assert.equal(told.length, 1);
  assert.equal(stack.broken, told[0]);
  assert.throws(() => stack.poll(1), told[0]);
  connection.release(); // harmless
  connection.abort();
});
