import assert from "node:assert/strict";
import { memoryLinkPair } from "./memory.ts";
import type { Link, OpenContext } from "../transports/mod.ts";
import { conformance } from "../transports/testing.ts";

// deno-lint-ignore require-await -- an aborted signal must reject
async function echo(context: OpenContext, options = {}): Promise<Link> {
  context.signal.throwIfAborted();
  const [near, far] = memoryLinkPair(options);
  const onAbort = () => near.abort(String(context.signal.reason));
  context.signal.addEventListener("abort", onAbort);
  near.closed.then(() => context.signal.removeEventListener("abort", onAbort));
  far.readable.pipeTo(far.writable).catch(() => {});
  return near;
}

conformance("memory", { echo: (context) => echo(context) });
conformance("memory with delay", { echo: (context) => echo(context, { delay: 2 }) });
conformance("memory with a small buffer", {
  echo: (context) => echo(context, { bufferBytes: 1 }),
  largeBytes: 1 << 20,
});

async function sendAll(link: Link, chunks: Uint8Array[]) {
  const writer = link.writable.getWriter();
  for (const chunk of chunks) await writer.write(chunk);
  await writer.close();
}

async function firstBytes(link: Link): Promise<number[]> {
  return (await Array.fromAsync(link.readable)).map((chunk) => chunk[0]!);
}

Deno.test("a chunk passes a memory link by reference", async () => {
  const [near, far] = memoryLinkPair();
  const memory = new WebAssembly.Memory({ initial: 1 });
  const chunk = new Uint8Array(memory.buffer, 8, 100);
  const reader = far.readable.getReader();
  const [{ value }] = await Promise.all([
    reader.read(),
    near.writable.getWriter().write(chunk),
  ]);
  assert.equal(value, chunk);
});

Deno.test("losses are the same for the same seed, and about as many as asked", async () => {
  const run = async (seed: number) => {
    const [near, far] = memoryLinkPair({ loss: 0.25, seed });
    const chunks = Array.from({ length: 200 }, (_, i) => new Uint8Array([i]));
    const [, received] = await Promise.all([sendAll(near, chunks), firstBytes(far)]);
    return received;
  };
  const first = await run(7);
  assert.deepEqual(await run(7), first);
  assert.notDeepEqual(await run(8), first);
  assert(first.length > 120 && first.length < 180, String(first.length));
});

Deno.test("a delayed chunk arrives no earlier than its delay, and in order", async () => {
  const [near, far] = memoryLinkPair({ delay: 30 });
  const started = performance.now();
  const chunks = Array.from({ length: 10 }, (_, i) => new Uint8Array([i]));
  const [, received] = await Promise.all([sendAll(near, chunks), firstBytes(far)]);
  assert.deepEqual(received, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert(performance.now() - started >= 29);
});

Deno.test("an abort of one end is seen at both", async () => {
  const [near, far] = memoryLinkPair({ delay: 10_000 });
  const writer = near.writable.getWriter();
  await writer.write(new Uint8Array(1));
  near.abort("enough");
  assert.equal((await near.closed).reason, "enough");
  assert.equal((await far.closed).ok, false);
  await assert.rejects(far.readable.getReader().read(), /enough/);
  await assert.rejects(writer.write(new Uint8Array(1)), /enough/);
});

Deno.test("a direction that ended can be read to its end after an abort of the other", async () => {
  const [near, far] = memoryLinkPair();
  await sendAll(near, [new Uint8Array([1]), new Uint8Array([2])]);
  far.abort("enough");
  assert.deepEqual(await firstBytes(far), [1, 2]);
});
