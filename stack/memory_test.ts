// Readers that stall and crowds: memory is bounded, and goes back.
import assert from "node:assert/strict";
import { type Node, receiveAll, sendAll } from "./_network.ts";
import { bytes, close, connected, during, pair } from "./_pair.ts";
import type { TcpConnection } from "./tcp.ts";

Deno.test("a stalled reader bounds what its sender may send", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  let sent = 0;
  const sending = (async () => {
    for (;;) {
      await sendAll(client, bytes(65_000));
      sent += 65_000;
    }
  })().catch(() => {});
  await net.pass(2_000);
  assert.ok(sent > 2 << 20 && sent < 5 << 20, `sent ${sent}`);
  assert.ok(b.stack.statistics().usedPages < 50);
  const before = sent;
  await net.pass(5_000);
  assert.equal(sent, before);
  client.abort();
  await sending;
  await close(net, client, server);
});

Deno.test("20 000 connections leave memory and tables as they were", async () => {
  const { net, a, b } = await pair();
  const data = bytes(3_000);
  const round = async (count: number) => {
    const clients: TcpConnection[] = [];
    for (let i = 0; i < count; i++) clients.push(a.stack.connect(b.address, 8080));
    net.carry();
    const servers = b.arrived.splice(0);
    assert.equal(servers.length, count);
    for (const server of servers) server.accept();
    const work = Promise.all([
      ...clients.map(async (client, i) => {
        await client.opened();
        await sendAll(client, data);
        if (i % 10 === 3) return client.abort();
        client.shutdown();
        assert.equal((await receiveAll(client)).length, data.length);
      }),
      ...servers.map(async (server) => {
        try {
          await server.opened();
          const got = await receiveAll(server);
          await sendAll(server, got);
          server.shutdown();
        } catch { /* the client aborted it */ }
      }),
    ]);
    await during(net, work);
    for (const connection of [...clients, ...servers]) connection.release();
    await net.pass(2_500);
  };
  await round(100);
  const held = (node: Node) => {
    const { usedBlocks, connections, active, timeWait, pendingSyns } = node.stack
      .statistics();
    return { usedBlocks, connections, active, timeWait, pendingSyns };
  };
  const before = [held(a), held(b)];
  for (let i = 0; i < 10; i++) await round(2_000);
  assert.deepEqual([held(a), held(b)], before);
  assert.equal(before[0]!.connections, 0);
});

Deno.test("a shortage of memory slows connections and starves none for good", async () => {
  const { net, a, b } = await pair();
  const count = 250; // of 2 MiB each: twice the pool
  const clients: TcpConnection[] = [];
  for (let i = 0; i < count; i++) clients.push(a.stack.connect(b.address, 8080));
  net.carry();
  const servers = b.arrived.splice(0);
  for (const server of servers) server.accept();
  await net.settle();
  const data = bytes(1_500_000);
  const sending = Promise.all(clients.map(async (client) => {
    await client.opened();
    await sendAll(client, data);
    client.shutdown();
  }));
  sending.catch(() => {});
  await net.pass(3_000); // nobody reads
  const { usedPages, pages } = b.stack.statistics();
  assert.ok(usedPages < pages, "the receiver's pool is not used up");
  const reading = Promise.all(servers.map((server) => receiveAll(server)));
  const all = await during(net, reading, true);
  for (const got of all) assert.deepEqual(got, data);
  await sending;
  for (const server of servers) server.shutdown();
  await net.settle();
  await close(net, ...clients, ...servers);
  assert.equal(b.stack.statistics().connections, 0);
});

Deno.test("a thousand readers that stall leave room for one that reads", async () => {
  const { net, a, b } = await pair();
  const clients = Array.from({ length: 1_000 }, () => a.stack.connect(b.address, 8080));
  net.carry();
  const servers = b.arrived.splice(0);
  for (const server of servers) server.accept();
  await net.settle();
  const pushing = clients.map(async (client) => {
    await client.opened();
    for (;;) await sendAll(client, bytes(65_000));
  });
  for (const push of pushing) push.catch(() => {});
  await net.pass(3_000);

  const [client, server] = await connected(net, a, b);
  const data = bytes(500_000);
  const work = Promise.all([
    sendAll(client, data).then(() => client.shutdown()),
    receiveAll(server),
  ]);
  assert.deepEqual((await during(net, work, true))[1], data);
  for (const { stack } of [a, b]) {
    const { usedPages, pages } = stack.statistics();
    assert.ok(usedPages < pages / 16 * 15, `${usedPages} of ${pages} pages`);
  }
  server.shutdown();
  await net.settle();
  for (const each of clients) each.abort();
  await Promise.allSettled(pushing);
  await close(net, ...clients, ...servers, client, server);
  assert.equal(b.stack.statistics().connections, 0);
});

Deno.test("memory that is free may lose its content, and the stack works on", async () => {
  const { net, a, b } = await pair();
  for (let round = 0; round < 5; round++) {
    const data = bytes(1_000_000);
    const pairs = [];
    for (let i = 0; i < 40; i++) pairs.push(await connected(net, a, b));
    await during(
      net,
      Promise.all(pairs.map(async ([client, server], i) => {
        const got = receiveAll(server);
        await sendAll(client, data.subarray(0, 25_000 * i + 1));
        client.shutdown();
        assert.equal((await got).length, 25_000 * i + 1);
      })),
    );
    let lost = 0;
    const lose = () => {
      for (const { stack } of [a, b]) {
        for (const memory of stack.freedMemory()) {
          memory.fill(0xa5);
          lost += memory.length;
        }
      }
    };
    lose(); // some are open
    const [client, server] = pairs[0]!;
    await during(net, sendAll(server, data));
    server.shutdown();
    const answered = receiveAll(client);
    await during(net, answered);
    assert.ok((await answered).every((byte, i) => byte === data[i]));
    for (const [client, server] of pairs) {
      client.release();
      server.release();
    }
    await net.pass(2_500);
    lose();
    assert.ok(lost > 1 << 20, `${lost} bytes were free`);
    assert.equal([...a.stack.freedMemory()].length, 0, "each piece is told once");
  }
});
