import assert from "node:assert/strict";
import { stackModule } from "../stack/module.ts";
import { LivingStack, MOST_BREAKS, PERIOD_MS } from "./living_stack.ts";

const BEYOND_MEMORY = 4_000_000;

async function scene() {
  const state = { time: 0, lost: [] as number[], ends: [] as Error[] };
  const stack = new LivingStack({
    module: await stackModule(),
    onSyn: () => {},
    onTouched: () => {},
    onTurnedAway: () => {},
    onRenewed: (_error, lost) => state.lost.push(lost),
    onGivenUp: (error) => state.ends.push(error),
    now: () => state.time,
  });
  stack.start(0x7f002a64);
  const trap = () =>
    stack.attempt(({ instance }) => instance.exports.conn_peek(BEYOND_MEMORY) as unknown);
  return { state, stack, trap };
}

Deno.test("a new stack has the address of the old one and asks after its connections", async () => {
  const { state, stack, trap } = await scene();
  const connection = stack.connect(0x7f002a65, 80);
  const opened = assert.rejects(connection.opened(), { reason: "reset" });
  const old = stack.current;
  assert.equal(trap(), undefined);
  await opened;
  assert.notEqual(stack.current, old);
  assert.deepEqual(state.lost, [1]);
  assert.equal(stack.statistics().renewals, 1);
  // A frame of eight bytes and a segment with one byte of data, to the same ends.
  const output = stack.takeOutput()!;
  assert.equal(output.length, 8 + 41);
  const view = new DataView(output.buffer, output.byteOffset + 8);
  const { ends } = connection;
  assert.equal(view.getUint32(12), 0x7f002a64);
  assert.equal(view.getUint32(16), ends.remoteAddress);
  assert.deepEqual([view.getUint16(20), view.getUint16(22)], [ends.localPort, 80]);
  connection.release();
  stack.connect(0x7f002a65, 80).release();
});

Deno.test("a new stack holds what the old one held, and asks when the hosts are back", async () => {
  const { stack, trap } = await scene();
  const [away, near] = [0x7f002b05, 0x7f002a65];
  const ended = [away, near].map(async (address) => {
    await assert.rejects(stack.connect(address, 80).opened(), { reason: "reset" });
  });
  stack.hold(0x7f002b00, 24);
  stack.hold(0x7f002c00, 24);
  stack.hold(0x7f002d01, 32);
  trap();
  await Promise.all(ended);
  const asked = () => {
    const output = stack.takeOutput();
    stack.current.outputDone();
    if (output === undefined) return undefined;
    assert.equal(output.length, 8 + 41);
    return new DataView(output.buffer, output.byteOffset + 8).getUint32(16);
  };
  assert.equal(asked(), near);
  assert.equal(asked(), undefined);
  const address = 0x7f002c07;
  const connection = stack.connect(address, 80);
  while (stack.takeOutput()) stack.current.outputDone();
  assert.equal(stack.resume(0x7f002c00, 24), 1, "that of the new stack is held");
  while (stack.takeOutput()) stack.current.outputDone();
  assert.equal(stack.resume(0x7f002b00, 24), 0);
  assert.equal(asked(), away);
  connection.release();
  while (stack.takeOutput()) stack.current.outputDone();
  const down = stack.connect(0x7f002d01, 80);
  const failed = assert.rejects(down.opened(), { reason: "reset" });
  while (stack.takeOutput()) stack.current.outputDone();
  trap();
  await failed;
  assert.equal(asked(), undefined);
  stack.abortRange(0x7f002d00, 24);
  assert.equal(asked(), 0x7f002d01, "a range that is down is not held");
  down.release();
});

Deno.test("a stack that breaks too often in a minute is given up", async () => {
  const { state, trap } = await scene();
  for (let i = 0; i < 2 * MOST_BREAKS; i++) {
    trap();
    state.time += PERIOD_MS / MOST_BREAKS;
  }
  assert.equal(state.ends.length, 0);
  state.time += PERIOD_MS;
  for (let i = 0; i < MOST_BREAKS; i++) trap();
  assert.equal(state.ends.length, 0);
  assert.throws(trap, /The TCP\/IP stack stopped/);
  assert.equal(state.ends.length, 1);
  assert.equal(state.lost.length, 3 * MOST_BREAKS);
});
