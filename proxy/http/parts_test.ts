import assert from "node:assert/strict";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { PartGatherer } from "./parts.ts";

/** Adds consecutive parts of these sizes in calls of so many. */
function gather(sizes: readonly number[], perCall: number) {
  const length = sizes.reduce((sum, size) => sum + size, 0);
  const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8));
  const gatherer = new PartGatherer();
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [index, size] of sizes.entries()) {
    gatherer.add(bytes, at, at += size, parts);
    if ((index + 1) % perCall === 0) gatherer.flush(parts);
  }
  gatherer.flush(parts);
  return { bytes, parts };
}

Deno.test("parts come out as they went in, whatever their sizes", () => {
  const size = fc.oneof(fc.nat(40), fc.nat(2000), fc.constantFrom(0, 31, 32, 1023, 1024));
  fc.assert(
    fc.property(
      fc.array(size, { maxLength: 80 }),
      fc.integer({ min: 1, max: 9 }),
      (sizes, perCall) => {
        const { bytes, parts } = gather(sizes, perCall);
        assert.ok(Buffer.concat(parts).equals(bytes));
        assert.ok(parts.every(({ length }) => length > 0));
      },
    ),
    { seed: 73, numRuns: 1000 },
  );
});

Deno.test("small parts are joined, and a part that is alone or large is not copied", () => {
  assert.equal(gather(Array(10_000).fill(1), Infinity).parts.length, 1);
  for (const sizes of [[100], [5000, 3, 5000]]) {
    const { bytes, parts } = gather(sizes, Infinity);
    assert.equal(parts.length, sizes.length);
    for (const part of parts) assert.equal(part.buffer, bytes.buffer);
  }
});
