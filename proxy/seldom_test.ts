import assert from "node:assert/strict";
import { seldom } from "./seldom.ts";

Deno.test("a flood of warnings is one line in ten seconds, and what was left out is counted", () => {
  const told: string[] = [];
  let now = 0;
  const warn = seldom((message) => told.push(message), () => now);
  for (; now < 25_000; now += 10) warn(`at ${now}`);
  assert.deepEqual(told, [
    "at 0",
    "at 10000 (999 warnings of this kind were left out)",
    "at 20000 (999 warnings of this kind were left out)",
  ]);
});
