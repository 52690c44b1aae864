import assert from "node:assert/strict";
import { until } from "../tests/harness/scene/wait.ts";
import { Listeners } from "./listeners.ts";

Deno.test("listeners that failed are tried again, and those that are up are told in parts", async () => {
  const others = Array.from(
    { length: 150 },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const parts: string[][] = [];
  const listeners = new Listeners({
    warn: (message) => assert.fail(message),
    onUp: (statuses) => parts.push(statuses.map(({ address }) => address)),
  });
  const addresses = others.map(({ addr }) => addr);
  listeners.apply(addresses.map(({ hostname, port }) => {
    return { kind: "loopback", hostname, port, serve: (socket) => socket.close() };
  }));
  const wanted = addresses.map(({ hostname, port }) => `${hostname}:${port}`);
  assert.equal(listeners.statuses.filter(({ error }) => error).length, 150);
  for (const other of others) other.close();
  await until("all are told", () => parts.flat().length === 150);
  await listeners.close();
  assert.deepEqual(parts.flat(), wanted);
  assert.ok(parts.every(({ length }) => length <= 100));
  assert.ok(listeners.statuses.every(({ error }) => !error));
});
