import assert from "node:assert/strict";
import { Crowding } from "./crowding.ts";

Deno.test("a host that wants too many connections is told once a minute", () => {
  let time = 0;
  const lines: string[] = [];
  const crowding = new Crowding({ warn: (line) => lines.push(line), now: () => time });
  for (let i = 0; i < 100; i++) crowding.note(0x7f002a09, i);
  crowding.note(0x7f002a0a, 100);
  time = 60_000;
  crowding.note(0x7f002a09, 101);
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), [
    "127.0.42.9",
    "127.0.42.10",
    "127.0.42.9",
  ]);
  assert.match(lines[2]!, /101 SYNs dropped so far/);
});
