import assert from "node:assert/strict";
import { Clients, mostClients } from "./client_limit.ts";

Deno.test("an address serves as many clients as descriptors allow, with some to spare", () => {
  const most: readonly [descriptors: number, most: number][] = [
    [1, 1],
    [256, 96],
    [1024, 384],
    [20_000, 7500],
    [1_048_576, 10_000],
    [Infinity, 10_000],
  ];
  for (const [descriptors, clients] of most) {
    assert.equal(mostClients(descriptors), clients);
    if (descriptors > 1) assert.ok(clients * 2 < descriptors * 0.8);
  }
  assert.ok(mostClients() >= 1);
});

Deno.test("clients are counted until they leave", () => {
  const clients = new Clients();
  assert.deepEqual([1, 2, 3].map(() => clients.enter(2)), [true, true, false]);
  clients.leave();
  assert.deepEqual([1, 2].map(() => clients.enter(2)), [true, false]);
});
