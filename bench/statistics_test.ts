/**
 * The figures against small samples that can be checked by eye.
 *
 * @module
 */
import assert from "node:assert/strict";
import { median, percentile } from "./statistics.ts";

Deno.test("the median is the middle sample, or the mean of the two in the middle", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 9]), 3);
  assert.equal(median([]), NaN);
});

Deno.test("a percentile is a sample that was seen", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(hundred, 0.5), 50);
  assert.equal(percentile(hundred, 0.99), 99);
  assert.equal(percentile([7], 0.99), 7);
});
