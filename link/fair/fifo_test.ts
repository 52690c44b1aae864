import assert from "node:assert/strict";
import fc from "fast-check";
import { Fifo } from "./fifo.ts";

Deno.test("a fifo does what a plain array does, through growth and shrinkage", () => {
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom("push", "unshift", "shift"),
      fc.integer({ min: 1, max: 200 }),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(steps, (plan) => {
      const fifo = new Fifo<number>();
      const twin: number[] = [];
      let next = 0;
      for (const [what, times] of plan) {
        for (let i = 0; i < times; i++) {
          if (what === "push") {
            fifo.push(next);
            twin.push(next++);
          } else if (what === "unshift") {
            fifo.unshift(next);
            twin.unshift(next++);
          } else {
            assert.equal(fifo.shift(), twin.shift());
          }
        }
        assert.equal(fifo.length, twin.length);
        for (const index of [0, 1, twin.length - 1, twin.length]) {
          if (index >= 0) assert.equal(fifo.at(index), twin[index]);
        }
      }
    }),
    { seed: 11, numRuns: 300 },
  );
});
