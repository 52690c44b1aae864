import assert from "node:assert/strict";
import fc from "fast-check";
import { Frame } from "../../wire/frame.ts";
import { coalesce } from "./coalesce.ts";

/** Frames of these sizes, one after the other in one buffer. */
function run(...sizes: number[]): Frame[] {
  const buffer = new ArrayBuffer(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  return sizes.map((size) =>
    new Frame(new Uint8Array(buffer, (at += size) - size, size))
  );
}

const shape = (frames: Frame[]) => coalesce(frames, 65536).map((write) => write.length);

Deno.test("frames read together are written together, without a copy", () => {
  const frames = run(48, 30_000, 56, 20_000);
  const writes = coalesce(frames, 65536);
  assert.deepEqual(writes.map((write) => write.length), [50_104]);
  assert.equal(writes[0]!.buffer, frames[0]!.bytes.buffer);
});

Deno.test("a single frame is written as it is", () => {
  const [frame] = run(100);
  assert.equal(coalesce([frame!], 65536)[0], frame!.bytes);
  assert.deepEqual(coalesce([], 65536), []);
});

Deno.test("views that touch but lie in two buffers, or leave a gap, are not merged", () => {
  const [a, b, c] = run(20_000, 20_000, 20_000) as [Frame, Frame, Frame];
  assert.deepEqual(shape([a, c]), [20_000, 20_000]);
  assert.deepEqual(shape([b, a]), [20_000, 20_000]);
  assert.deepEqual(shape([a, run(20_000, 20_000)[1]!]), [20_000, 20_000]);
});

Deno.test("merging stops at the size of a write", () => {
  assert.deepEqual(shape(run(40_000, 40_000, 20_000)), [40_000, 60_000]);
  assert.deepEqual(shape(run(65_536, 65_536)), [65_536, 65_536]);
  assert.deepEqual(shape(run(300_000)), [300_000]);
});

Deno.test("small frames from here and there are copied together, large ones stay", () => {
  const small = Array.from({ length: 10 }, () => run(48)[0]!);
  const [large] = run(60_000);
  const writes = coalesce([...small, large!, small[0]!, ...small], 65536);
  assert.deepEqual(writes.map((write) => write.length), [480, 60_000, 528]);
  assert.equal(writes[1], large!.bytes);
  const many = Array.from({ length: 10 }, () => run(15_000)[0]!);
  assert.deepEqual(shape(many), [60_000, 60_000, 30_000]);
});

Deno.test("whatever the frames, their bytes go out in order and unchanged", () => {
  const group = fc.array(fc.integer({ min: 1, max: 300 }), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.array(group, { maxLength: 6 }), fc.nat(), (groups, holes) => {
      let value = 0;
      const frames = groups.flatMap((sizes) => run(...sizes)).filter((frame, i) => {
        frame.bytes.fill(value++);
        return (holes >> i % 31 & 1) === 0;
      });
      const wanted = frames.flatMap((frame) => Array.from(frame.bytes));
      const writes = coalesce(frames, 500);
      assert.deepEqual(writes.flatMap((write) => Array.from(write)), wanted);
      assert.ok(writes.every((write) => write.length <= 500));
    }),
    { seed: 13, numRuns: 300 },
  );
});
