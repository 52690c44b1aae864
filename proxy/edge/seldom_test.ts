import assert from "node:assert/strict";
import { Seldom } from "./seldom.ts";

Deno.test("one line a minute is told, with how many were not", () => {
  let now = 5;
  const told: string[] = [];
  const seldom = new Seldom((line) => told.push(line), () => now);
  for (let i = 0; i < 1000; i++) seldom.happened("a", `event ${i}`);
  assert.deepEqual(told.splice(0), ["event 0"]);
  seldom.happened("b", "of another kind");
  assert.deepEqual(told.splice(0), ["of another kind"]);
  now += 60_000;
  for (let i = 0; i < 2; i++) seldom.happened("a", "again");
  assert.deepEqual(told.splice(0), ["again (and 999 more since the last line)"]);
  now += 200_000;
  seldom.happened("a", "later");
  assert.deepEqual(told, ["later (and 1 more since the last line)"]);
});
