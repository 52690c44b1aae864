import assert from "node:assert/strict";
import { Checker, pieces } from "./pattern.ts";

const TOTAL = 3 * 2 ** 20;

function stream(seed: number): Uint8Array {
  const bytes = new Uint8Array(TOTAL);
  let at = 0;
  for (const piece of pieces(seed, TOTAL)) {
    bytes.set(piece, at);
    at += piece.length;
  }
  assert.equal(at, TOTAL);
  return bytes;
}

function check(seed: number, bytes: Uint8Array, step: number): Checker {
  const checker = new Checker(seed);
  for (let at = 0; at < bytes.length; at += step) {
    checker.take(bytes.subarray(at, at + step));
  }
  return checker;
}

Deno.test("a stream is right in whatever pieces it comes", () => {
  for (const step of [TOTAL, 65_536, 9_973]) {
    const { received, wrongAt } = check(5, stream(5), step);
    assert.deepEqual([received, wrongAt], [TOTAL, undefined]);
  }
});

Deno.test("one wrong, lost, doubled or foreign byte is seen at its place", () => {
  const right = stream(5);
  const wrong = right.slice();
  wrong[2_000_000]! ^= 1;
  assert.equal(check(5, wrong, 65_536).wrongAt, 2_000_000);
  const lost = right.slice();
  lost.copyWithin(1_000_000, 1_065_536);
  assert.ok((check(5, lost, 65_536).wrongAt ?? 0) >= 1_000_000);
  assert.ok((check(5, lost, 65_536).wrongAt ?? Infinity) < 1_000_100);
  assert.ok(
    (check(6, right, 65_536).wrongAt ?? Infinity) < 100,
    "another transfer's bytes",
  );
});
