import assert from "node:assert/strict";
import { encodeFrame, FrameType } from "./frame.ts";
import { BufferPool, Lease } from "./lease.ts";
import { FrameDecoder } from "./decoder.ts";

Deno.test("memory is released when the last holder drops it", () => {
  let released = 0;
  const lease = new Lease(() => released++);
  lease.hold();
  lease.drop();
  assert.equal(released, 0);
  lease.drop();
  assert.equal(released, 1);
});

Deno.test("a pool gives buffers again, and keeps no more than it should", () => {
  const pool = new BufferPool(16, 2);
  const [a, b, c] = [pool.take(), pool.take(), pool.take()];
  for (const buffer of [a, b, c]) pool.give(buffer);
  pool.give(new ArrayBuffer(8));
  assert.deepEqual([pool.take() === b, pool.take() === a], [true, true]);
  assert.notEqual(pool.take(), c, "the third was let go");
});

Deno.test("frames of a lent chunk carry its lease, and a kept one outlives it", () => {
  const chunk = encodeFrame(FrameType.L3, new Uint8Array([1, 2, 3])).bytes;
  const lease = new Lease(() => chunk.fill(0));
  const [frame] = new FrameDecoder({ bannerLimit: 0 }).push(chunk, lease);
  assert.equal(frame!.lease, lease);
  const kept = frame!.kept();
  lease.drop();
  assert.deepEqual([...kept.payload], [1, 2, 3]);
  assert.deepEqual([...frame!.payload], [0, 0, 0]);
  assert.equal(kept.kept(), kept);
});
