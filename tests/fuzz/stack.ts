/**
 * Fuzzes the stack: whatever a peer sends in whatever state, and the clock, and the
 * reader.
 *
 * @module
 */
import { stackModule } from "../../stack/module.ts";
import { type StackCase, stackCases } from "./stack_case.ts";
import { Bench } from "./stack_bench.ts";
import type { FuzzTarget } from "./target.ts";

/**
 * The stack never stops, delivers the sent bytes and nothing else, in order, sends the
 * written bytes, holds no more than its bounds, and nothing at the end.
 */
export const target: FuzzTarget<StackCase> = {
  name: "stack",
  cases: stackCases,
  async run({ connections, steps }) {
    const bench = new Bench(await stackModule());
    for (const connection of connections) bench.begin(connection);
    for (const step of steps) bench.step(step);
    bench.settle();
    bench.end();
  },
};
