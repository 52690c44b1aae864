import assert from "node:assert/strict";
import { Bench, three } from "./_bench.ts";
import { EventStream } from "./event_stream.ts";
import { settle } from "../link/_fake_clock.ts";

Deno.test("a reader gets events in order, those that came before it asked too", async () => {
  const stream = new EventStream<number>(3);
  stream.push(1);
  stream.push(2);
  assert.equal((await stream.next()).value, 1);
  assert.equal((await stream.next()).value, 2);
  const waiting = stream.next();
  stream.push(3);
  assert.equal((await waiting).value, 3);
});

Deno.test("a slow reader loses the oldest, and is told how many", async () => {
  const stream = new EventStream<number>(2);
  for (let i = 1; i <= 5; i++) stream.push(i);
  const { value } = await stream.next();
  assert.deepEqual(value, {
    type: "lost",
    level: "warn",
    count: 3,
    message: "3 events were lost here: they were not read in time",
  });
  assert.deepEqual([(await stream.next()).value, (await stream.next()).value], [4, 5]);
});

Deno.test("after the end what waits is read, and a reader that waits is released", async () => {
  let ends = 0;
  const stream = new EventStream<number>(2, () => ends++);
  stream.push(1);
  stream.end();
  stream.end();
  stream.push(2);
  assert.deepEqual(await Array.fromAsync(stream), [1]);
  assert.equal(ends, 1);
  const other = new EventStream<number>(2);
  const waiting = other.next();
  other.end();
  assert.equal((await waiting).done, true);
  assert.throws(() => new EventStream(0), RangeError);
});

Deno.test("the events of a mesh are read until the mesh is closed", async () => {
  await using bench = await new Bench().start(three);
  const [all, some] = [bench.mesh.events(), bench.mesh.events({ limit: 1 })];
  const types: string[] = [];
  const reading = (async () => {
    for await (const { type } of all) types.push(type);
  })();
  bench.cut.get("a")!("cut");
  await bench.clock.pass(2000, 100);
  await settle();
  assert.deepEqual(types, ["down", "ready"]);
  assert.equal((await some.next()).value.type, "lost");
  assert.equal((await some.next()).value.type, "ready");
  await bench.mesh.close();
  await reading;
  assert.equal((await some.next()).done, true);
  assert.equal((await bench.mesh.events().next()).done, true, "also one begun later");
});

Deno.test("a reader that stops is forgotten", async () => {
  await using bench = await new Bench().start(three);
  const events = bench.mesh.events();
  await events.return!();
  bench.cut.get("a")!("cut");
  await bench.clock.pass(2000, 100);
  assert.equal((await events.next()).done, true);
});
