/**
 * An agent that outlives its links, in a process of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { echoed, gone, Kept } from "./_manager.ts";

const linux = Deno.build.os === "linux";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !linux, fn });
}

test("a connection goes on when the exec's input ends and a second exec attaches", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await echoed(client, "before");
  await kept.first.drop();
  await until("the end of the first link", () => kept.first.isOver);
  const { away } = await kept.back();
  assert.ok(away < 10_000, `${away}`);
  await echoed(client, "after");
  await kept.link.event("bye");
  await kept.link.drop();
  await gone(kept);
  assert.equal((await kept.link.child.status).code, 0);
});
