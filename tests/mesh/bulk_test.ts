/**
 * Much data in both directions at the same time arrives complete and in order.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Report } from "../harness/peers/peer.ts";
import type { Peer } from "../harness/peers/peer_process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

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

e2e(
  "connections that stall for a while, all at once, each get their own bytes",
  async (scene) => {
    const { hosts: { local, web } } = await scene.mesh({
      local: {},
      web: { ports: ["9000:127.0.0.1:9000"] },
    });
    const count = 50;
    // More than all windows and buffers hold together, so that everything stands still.
    const server = await scene.server(
      web.namespace,
      "serve-exchange",
      9000,
      "8Mi",
      1_000,
      3_000,
    );
    const client = scene.client(
      local.namespace,
      "exchange",
      web.vip,
      9000,
      "8Mi",
      1,
      count,
    );
    await client.report("done", undefined, { limitMs: 60_000 });
    await until(
      "the server to have seen every end",
      () => exchanges(server, "closed").length === count,
    );
    for (const peer of [client, server]) {
      const event = peer === client ? "exchanged" : "closed";
      const whole = { ending: "end", receivedBytes: 8 * 2 ** 20 };
      assert.deepEqual(
        exchanges(peer, event).map(({ ending, receivedBytes }) => ({
          ending,
          receivedBytes,
        })),
        Array(count).fill(whole),
        `${peer.name}: how its connections ended`,
      );
    }
    assert.deepEqual(
      hashes(client, "exchanged", "received"),
      hashes(server, "closed", "sent"),
    );
    assert.deepEqual(
      hashes(server, "closed", "received"),
      hashes(client, "exchanged", "sent"),
    );
    assert.equal(new Set(hashes(client, "exchanged", "received")).size, count);
  },
  { limitMs: 100_000 },
);

/** What a peer told of its connections, which are in no order. */
function exchanges(peer: Peer, event: string): Report[] {
  return peer.reports.filter((each) => each.event === event);
}

/** The hashes in a peer's reports, sorted. */
function hashes(peer: Peer, event: string, field: "sent" | "received"): unknown[] {
  return exchanges(peer, event).map((each) => each[field]).sort();
}
