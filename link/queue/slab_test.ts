import assert from "node:assert/strict";
import { packetFrame } from "../../router/_test_packets.ts";
import { Slab } from "./slab.ts";

Deno.test("copies are the frames, whole, in memory of their own", () => {
  const slab = new Slab();
  const frames = Array.from(
    { length: 1000 },
    (_, seq) => packetFrame({ seq, data: seq % 700 }),
  );
  const copies = frames.map((frame) => slab.copy(frame));
  for (const [index, copy] of copies.entries()) {
    assert.deepEqual(copy.bytes, frames[index]!.bytes);
    assert.notEqual(copy.bytes.buffer, frames[index]!.bytes.buffer);
    assert.equal(copy.lease, undefined);
  }
});

Deno.test("small frames share memory, and none pins more than eight times what it weighs", () => {
  const slab = new Slab();
  const small = Array.from(
    { length: 560 },
    (_, seq) => slab.copy(packetFrame({ seq, data: 24 })),
  );
  assert.equal(new Set(small.map(({ bytes }) => bytes.buffer)).size, 10);
  const large = slab.copy(packetFrame({ data: 1000 }));
  assert.equal(large.bytes.buffer.byteLength, large.bytes.length);
});
