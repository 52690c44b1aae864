import assert from "node:assert/strict";
import { DialError } from "./dial.ts";
import { Dials } from "./dials.ts";

Deno.test("dials are counted by what became of them", async () => {
  const dials = new Dials();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [ours, theirs] = await Promise.all([
    dials.dial("127.0.0.1", port),
    listener.accept(),
  ]);
  for (const each of [ours, theirs, listener]) each.close();
  await assert.rejects(dials.dial("127.0.0.1", port), DialError);
  await assert.rejects(dials.dial("127.0.0.1", port, AbortSignal.abort()), DialError);
  const { connected, refused, abandoned, failed } = dials.counters;
  assert.deepEqual([connected, refused, abandoned, failed], [1, 1, 1, 0]);
});
