import assert from "node:assert/strict";
import { Tasks } from "./tasks.ts";

Deno.test("clients are counted by service while their work lasts, and what came stays", async () => {
  const told: string[] = [];
  const tasks = new Tasks((message) => told.push(message));
  const [first, second] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  tasks.track(first.promise, "http");
  tasks.track(second.promise, "http");
  tasks.track(Promise.resolve(), "inbound");
  tasks.turnedAway("egress");
  first.resolve();
  await first.promise;
  await Promise.resolve();
  const { http, inbound, egress, socks } = tasks.counters;
  assert.deepEqual(http, { clients: 1, served: 2, turnedAway: 0 });
  assert.deepEqual(inbound, { clients: 0, served: 1, turnedAway: 0 });
  assert.deepEqual(egress, { clients: 0, served: 0, turnedAway: 1 });
  assert.deepEqual(socks, { clients: 0, served: 0, turnedAway: 0 });
  const ended = tasks.ended();
  second.reject(new Error("odd"));
  await ended;
  assert.equal(tasks.counters.http.clients, 0);
  assert.deepEqual(told, ["A connection failed unexpectedly: Error: odd"]);
});
