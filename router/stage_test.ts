import assert from "node:assert/strict";
import type { Frame } from "../wire/frame.ts";
import { batchesOf, collect, packetFrame } from "./_test_packets.ts";
import { chain, type Stage } from "./stage.ts";
import { tap } from "./tap.ts";

Deno.test("a chain runs its stages in order, and is a stage itself", async () => {
  const seen: string[] = [];
  const note = (name: string): Stage => tap(() => seen.push(name));
  const batch = [packetFrame()];
  assert.deepEqual(await collect(chain(note("a"), chain(note("b")))(batchesOf(batch))), [
    batch,
  ]);
  assert.deepEqual(seen, ["a", "b"]);
  assert.deepEqual(await collect(chain()(batchesOf(batch))), [batch]);
});

Deno.test("a tap sees each frame and changes nothing", async () => {
  const seen: Frame[] = [];
  const batches = [[packetFrame(), packetFrame({ seq: 2 })], [packetFrame({ seq: 3 })]];
  const out = await collect(tap((frame) => seen.push(frame))(batchesOf(...batches)));
  assert.deepEqual(out, batches);
  assert.deepEqual(seen, batches.flat());
});
