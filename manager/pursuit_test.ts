import assert from "node:assert/strict";
import { FakeClock } from "../link/_fake_clock.ts";
import { Pursuit } from "./pursuit.ts";

Deno.test("the router pursues as long as there is anybody, ever less often", async () => {
  const clock = new FakeClock();
  const at: number[] = [];
  const router = { pursued: 1, pursue: () => (at.push(clock.now()), router.pursued) };
  const start = clock.now();
  const pursuit = new Pursuit(router, clock);
  pursuit.begin();
  for (let ms = 0; ms < 16_000; ms += 250) await clock.pass(250);
  const waits = at.map((time, index) => time - (at[index - 1] ?? start));
  assert.deepEqual(
    waits,
    [250, 500, 1000, 2000, 4000, 4000, 4000].slice(0, waits.length),
  );
  assert.ok(waits.length >= 6);
  router.pursued = 0;
  await clock.pass(4000);
  assert.equal(clock.pending, 0);
  pursuit.begin();
  assert.equal(clock.pending, 0, "nobody is to be pursued");
  router.pursued = 1;
  pursuit.goOn();
  assert.equal(clock.pending, 1);
  pursuit.goOn();
  assert.equal(clock.pending, 1, "it is under way");
  pursuit.stop();
  pursuit.goOn();
  pursuit.begin();
  assert.equal(clock.pending, 0, "the mesh is over");
});
