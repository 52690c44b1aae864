// Much data in both directions at the same time arrives complete and in order.
import assert from "node:assert/strict";
import { e2e } from "./harness/scene.ts";

const paths = [
  { title: "between the manager's host and another", from: "local", to: "web" },
  { title: "between two hosts", from: "db", to: "web" },
] as const;

for (const { title, from, to } of paths) {
  e2e(`256 MiB each way at once ${title} have the same sha256`, async (scene) => {
    const { hosts } = await scene.mesh({
      local: {},
      web: { ports: ["9000:127.0.0.1:9000"] },
      db: {},
    });
    const server = await scene.server(
      hosts[to].namespace,
      "serve-exchange",
      9000,
      "256Mi",
      2,
    );
    const client = scene.client(
      hosts[from].namespace,
      "exchange",
      hosts[to].vip,
      9000,
      "256Mi",
      1,
    );
    const near = await client.report("done", undefined, { limitMs: 100_000 });
    const far = await server.report("closed");
    assert.equal(near.receivedBytes, 256 * 2 ** 20);
    assert.equal(near.received, far.sent);
    assert.equal(far.received, near.sent);
  }, { limitMs: 120_000 });
}
