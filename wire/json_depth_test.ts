import assert from "node:assert/strict";
import fc from "fast-check";
import { isDeeper, parseShallow } from "./json_depth.ts";

const encoder = new TextEncoder();

/** The depth of a value, told by looking at it. */
function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

Deno.test("the depth of any JSON is told from its bytes", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat({ max: 4 }), (value, space) => {
      const bytes = encoder.encode(JSON.stringify(value, null, space));
      const depth = depthOf(value);
      assert.equal(isDeeper(bytes, depth), false);
      if (depth > 0) assert.equal(isDeeper(bytes, depth - 1), true);
    }),
  );
});

Deno.test("brackets within text are none", () => {
  for (const text of ['"[[["', '["\\"[[["]', '["\\\\", "[["]', '{"[[": "{{"}']) {
    assert.equal(isDeeper(encoder.encode(text), 1), false, text);
  }
  assert.equal(isDeeper(encoder.encode('["\\\\",[["'), 2), true);
});

Deno.test("what is no JSON is looked at to its end and does no harm", () => {
  for (const text of ["", '"', '"\\', "]]]]", "[".repeat(32), '{"a":[']) {
    assert.equal(isDeeper(encoder.encode(text), 32), false, text);
  }
  assert.equal(isDeeper(encoder.encode("[".repeat(1 << 20)), 32), true);
});

Deno.test("JSON that is shallow enough is parsed, what is deeper is refused before", () => {
  assert.deepEqual(parseShallow('{"a":[1,"é"]}', 2), { a: [1, "é"] });
  assert.throws(
    () => parseShallow('{"a":[1]}', 1),
    /more than 1 lists and objects within/,
  );
  assert.throws(() => parseShallow("[".repeat(1 << 24), 100), SyntaxError);
});
