import assert from "node:assert/strict";
import { retryDelay, Telling } from "./backoff.ts";

Deno.test("retries come after half a second to half a minute, ever later", () => {
  const least = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((failures) => retryDelay(failures, 0));
  assert.deepEqual(least, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000]);
  const most = [1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => retryDelay(failures, 1));
  assert.deepEqual(most, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
});

Deno.test("three failures are told, then one a minute", () => {
  const telling = new Telling();
  const told: number[] = [];
  for (let failure = 1, now = 0; now < 300_000; failure++, now += 15_000) {
    if (telling.shouldTell(failure, now)) told.push(now);
  }
  assert.deepEqual(told, [0, 15_000, 30_000, 90_000, 150_000, 210_000, 270_000]);
});

Deno.test("a host that was up for a while is told of at once again", () => {
  const telling = new Telling();
  for (let failure = 1; failure <= 5; failure++) telling.shouldTell(failure, failure);
  assert.equal(telling.shouldTell(1, 10), true);
});

Deno.test("a return is told if a failure since the last one was", () => {
  const telling = new Telling();
  const told: [failure: boolean, back: boolean][] = [];
  for (let failure = 1, now = 0; now < 105_000; failure++, now += 15_000) {
    told.push([telling.shouldTell(failure, now), telling.shouldTellReturn()]);
  }
  const [both, neither] = [[true, true], [false, false]];
  assert.deepEqual(told, [both, both, both, neither, neither, neither, both]);
  assert.equal(telling.shouldTell(8, 105_000), false);
  telling.tells();
  assert.equal(telling.shouldTellReturn(), true);
  // One told failure of several is enough.
  assert.equal(telling.shouldTell(9, 150_000), true);
  assert.equal(telling.shouldTell(10, 151_000), false);
  assert.equal(telling.shouldTellReturn(), true);
});
