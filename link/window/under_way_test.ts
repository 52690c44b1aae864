import assert from "node:assert/strict";
import { UnderWay } from "./under_way.ts";

Deno.test("the last write that was wholly taken is told, with its begin and its time", () => {
  const underWay = new UnderWay();
  underWay.push(100, 1);
  underWay.push(250, 2);
  underWay.push(300, 3);
  assert.equal(underWay.take(99), false);
  assert.equal(underWay.take(260), true);
  const { begin, bytes, time } = underWay;
  assert.deepEqual({ begin, bytes, time }, { begin: 100, bytes: 150, time: 2 });
  assert.equal(underWay.take(299), false);
  assert.equal(underWay.take(300), true);
  assert.equal(underWay.begin, 250);
});

Deno.test("writes beyond what the ring holds join the last, and look as old as that", () => {
  const underWay = new UnderWay();
  for (let i = 1; i <= 5000; i++) underWay.push(i * 10, i);
  assert.equal(underWay.take(10), true);
  assert.equal(underWay.time, 1);
  assert.equal(underWay.take(10_230), true);
  assert.equal(underWay.time, 1023);
  assert.equal(underWay.take(49_999), false);
  assert.equal(underWay.take(50_000), true);
  assert.equal(underWay.time, 1024);
  assert.equal(underWay.bytes, 50_000 - 10_230);
  underWay.push(50_010, 6000);
  assert.equal(underWay.take(50_010), true);
  assert.equal(underWay.time, 6000);
});
