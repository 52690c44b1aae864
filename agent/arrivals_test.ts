import assert from "node:assert/strict";
import { Arrivals, MOST_BEGUN } from "./arrivals.ts";

/** The turns of an event loop, one by one. */
class Loop {
  #due: (() => void)[] = [];
  readonly later = (next: () => void) => void this.#due.push(next);
  /** Whether anything was due. */
  turn(): boolean {
    const due = this.#due;
    this.#due = [];
    for (const next of due) next();
    return due.length > 0;
  }
}

Deno.test("a connection begins at once where nobody waits", () => {
  const loop = new Loop();
  const arrivals = new Arrivals(loop.later);
  const begun: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    for (let i = 0; i < MOST_BEGUN; i++) arrivals.add(7, () => begun.push(i));
    assert.equal(begun.length, MOST_BEGUN * (turn + 1));
    loop.turn();
  }
  assert.equal(loop.turn(), false);
});

Deno.test("a host that asks for thousands does not keep another waiting, and all begin in order", () => {
  const loop = new Loop();
  const arrivals = new Arrivals(loop.later);
  const begun: string[] = [];
  for (let i = 0; i < 2000; i++) arrivals.add(1, () => begun.push(`flood ${i}`));
  assert.equal(begun.length, MOST_BEGUN);
  arrivals.add(2, () => begun.push("other"));
  loop.turn();
  assert.ok(begun.indexOf("other") < MOST_BEGUN + 2);
  let turns = 1;
  while (loop.turn()) turns++;
  assert.equal(begun.length, 2001);
  const flood = begun.filter((each) => each !== "other");
  assert.deepEqual(flood, Array.from({ length: 2000 }, (_, i) => `flood ${i}`));
  assert.ok(turns >= 2000 / MOST_BEGUN);
});

Deno.test("one that begins may bring about the next", () => {
  const loop = new Loop();
  const arrivals = new Arrivals(loop.later);
  let begun = 0;
  const again = () => {
    if (++begun < 100) arrivals.add(1, again);
  };
  arrivals.add(1, again);
  while (loop.turn());
  assert.equal(begun, 100);
});
