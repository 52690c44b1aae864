import assert from "node:assert/strict";
import {
  destinationOf,
  destinationPortOf,
  headerLengthOf,
  parseIpv4,
  Protocol,
  readUint32,
  sourceOf,
  sourcePortOf,
  TcpFlag,
  tcpFlagsOf,
} from "../wire/ip/ipv4.ts";
import { checksumOf } from "./_checksum.ts";
import { Network, type Node, receiveAll, sendAll } from "./_network.ts";
import type { TcpConnection } from "./tcp.ts";

async function pair(): Promise<{ net: Network; a: Node; b: Node }> {
  const net = new Network();
  return { net, a: await net.add("127.0.42.100"), b: await net.add("127.0.42.101") };
}

async function connected(
  net: Network,
  a: Node,
  b: Node,
): Promise<[TcpConnection, TcpConnection]> {
  const client = a.stack.connect(b.address, 8080);
  net.carry();
  const server = b.arrived.shift()!;
  server.accept();
  await net.settle();
  await Promise.all([client.opened(), server.opened()]);
  return [client, server];
}

function bytes(length: number, seed = 7): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (state * 1103515245 + 12345) >>> 0;
    result[i] = state >>> 24;
  }
  return result;
}

/** Asserts that the checksums of a packet are right: IPv4's, and TCP's or ICMP's. */
function assertChecksums(packet: Uint8Array): void {
  const header = headerLengthOf(packet);
  assert.equal(checksumOf(packet.subarray(0, header)), 0xffff);
  const length = packet.length - header;
  const isTcp = packet[9] === Protocol.TCP;
  const pseudo = isTcp
    ? [...packet.subarray(12, 20), 0, Protocol.TCP, length >> 8, length & 255]
    : [];
  const summed = new Uint8Array(pseudo.length + length);
  summed.set(pseudo);
  summed.set(packet.subarray(header), pseudo.length);
  assert.equal(checksumOf(summed), 0xffff);
}

/** Runs `work` while packets are carried and, if asked for, time passes. */
async function during<T>(net: Network, work: Promise<T>, withTime = false): Promise<T> {
  let done = false;
  const finished = work.finally(() => done = true);
  finished.catch(() => {});
  for (let rounds = 0; !done; rounds++) {
    assert.ok(rounds < 20_000, "the transfer does not end");
    if (withTime) await net.pass(50);
    else await net.settle();
  }
  return await finished;
}

async function close(net: Network, ...connections: TcpConnection[]): Promise<void> {
  for (const connection of connections) connection.release();
  await net.pass(2_500);
}

Deno.test("a SYN is held until it is accepted, and its repetitions with it", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 8080);
  await net.pass(3_500);
  assert.equal(b.arrived.length, 1, "the repeated SYN is not a second connection");
  const server = b.arrived[0]!;
  assert.deepEqual(server.ends, {
    localAddress: b.address,
    localPort: 8080,
    remoteAddress: a.address,
    remotePort: server.ends.remotePort,
  });
  assert.equal(a.stack.statistics().active, 1);
  server.accept();
  await net.settle();
  await client.opened();
  await server.opened();
  await close(net, client, server);
});

Deno.test("a stream of several windows arrives whole, in both directions at once", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const [up, down] = [bytes(9_000_001, 1), bytes(7_654_321, 2)];
  const work = Promise.all([
    sendAll(client, up).then(() => client.shutdown()),
    sendAll(server, down).then(() => server.shutdown()),
    receiveAll(client),
    receiveAll(server),
  ]);
  const [, , gotDown, gotUp] = await during(net, work);
  assert.deepEqual(gotUp, up);
  assert.deepEqual(gotDown, down);
  await close(net, client, server);
  assert.equal(a.stack.statistics().usedBlocks, b.stack.statistics().usedBlocks);
});

Deno.test("every packet has valid checksums and fits a frame of 64 KiB", async () => {
  const { net, a, b } = await pair();
  let largest = 0;
  net.tap = (packet) => {
    assertChecksums(packet);
    largest = Math.max(largest, packet.length);
  };
  const [client, server] = await connected(net, a, b);
  const data = bytes(600_001);
  const work = Promise.all([
    sendAll(client, data).then(() => client.shutdown()),
    receiveAll(server),
  ]);
  const [, got] = await during(net, work);
  assert.deepEqual(got, data);
  assert.equal(largest, 65528);
  await close(net, client, server);
});

Deno.test("the SYN announces what NoRouter's agents expect: MSS, window scale, SACK", async () => {
  const { net, a, b } = await pair();
  const options: number[][] = [];
  net.tap = (packet) => {
    const tcp = packet.subarray((packet[0]! & 15) * 4);
    if (tcp[13]! & 2) options.push([...tcp.subarray(20, (tcp[12]! >> 4) * 4)]);
  };
  const [client, server] = await connected(net, a, b);
  assert.equal(options.length, 2);
  for (const option of options) {
    assert.deepEqual(option.slice(0, 4), [2, 4, 65488 >> 8, 65488 & 255], "MSS 65488");
    const scale = option.findIndex((value, i) => value === 3 && option[i + 1] === 3);
    assert.equal(option[scale + 2], 6, "window scale 6");
    assert.ok(
      option.some((value, i) => value === 4 && option[i + 1] === 2),
      "SACK permitted",
    );
  }
  await close(net, client, server);
});

Deno.test("a SYN that nobody answers is given up after half a minute", async () => {
  const { net, a } = await pair();
  const client = a.stack.connect(0x7f002aff, 80);
  const failed = assert.rejects(client.opened(), { reason: "timed-out" });
  await net.pass(33_000);
  assert.equal(client.failure, undefined);
  await net.pass(5_000);
  await failed;
  await close(net, client);
});

Deno.test("a refused SYN comes back as a reset", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 81);
  const opened = assert.rejects(client.opened(), { name: "TcpError", reason: "refused" });
  net.carry();
  b.arrived[0]!.refuse();
  await net.settle();
  await opened;
  await close(net, client);
});

Deno.test("an unreachable target comes back as the ICMP code of its reason", async () => {
  for (const code of [0, 1, 7, 12, 13]) {
    const { net, a, b } = await pair();
    const client = a.stack.connect(b.address, 81);
    const opened = assert.rejects(client.opened(), {
      reason: "unreachable",
      icmpCode: code,
    });
    net.carry();
    b.arrived[0]!.refuse(code);
    await net.settle();
    await opened;
    await close(net, client);
    assert.equal(a.stack.statistics().connections, 0);
    assert.equal(b.stack.statistics().connections, 0);
  }
});

Deno.test("behind the ICMP message comes a reset, for stacks that act on nothing else", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 81);
  const opened = assert.rejects(client.opened(), { reason: "unreachable", icmpCode: 12 });
  let syn = new Uint8Array(0);
  net.tap = (packet) => syn = packet.slice();
  net.carry();
  const answers: Uint8Array[] = [];
  net.tap = (packet) => answers.push(packet.slice());
  b.arrived[0]!.refuse(12);
  await net.settle();
  await opened;
  assert.deepEqual(answers.map((packet) => packet[9]), [Protocol.ICMP, Protocol.TCP]);
  const [icmp, reset] = answers as [Uint8Array, Uint8Array];
  for (const packet of answers) assertChecksums(packet);
  assert.deepEqual([sourceOf(icmp), destinationOf(icmp)], [b.address, a.address]);
  assert.deepEqual(
    [...icmp.subarray(20, 22)],
    [3, 12],
    "destination unreachable, timed out",
  );
  assert.deepEqual(
    icmp.subarray(28),
    syn.subarray(0, 28),
    "the SYN, as far as its number",
  );
  assert.deepEqual([sourceOf(reset), destinationOf(reset)], [b.address, a.address]);
  assert.equal(tcpFlagsOf(reset), TcpFlag.RST | TcpFlag.ACK);
  assert.deepEqual(
    [sourcePortOf(reset), destinationPortOf(reset), readUint32(reset, 28)],
    [81, sourcePortOf(syn), (readUint32(syn, 24) + 1) >>> 0],
  );
  await close(net, client);
  assert.equal(answers.length, 2, "nobody answers a reset");
});

Deno.test("a reset refuses also when the ICMP message before it is lost", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 81);
  const opened = assert.rejects(client.opened(), { reason: "refused" });
  net.carry();
  net.lose = (packet) => packet[9] === Protocol.ICMP;
  b.arrived[0]!.refuse(12);
  await net.settle();
  await opened;
  await close(net, client);
});

Deno.test("a foreign address refuses in its own name", async () => {
  const { net, a, b } = await pair();
  const foreign = parseIpv4("192.0.2.1")!;
  const client = a.stack.connect(foreign, 81);
  const opened = assert.rejects(client.opened(), { reason: "unreachable", icmpCode: 13 });
  let syn = new Uint8Array(0);
  net.tap = (packet) => syn = packet.slice();
  net.carry(); // to nobody
  net.inject(b, syn);
  const answers: Uint8Array[] = [];
  net.tap = (packet) => answers.push(packet.slice());
  b.arrived[0]!.refuse(13);
  await net.settle();
  await opened;
  for (const packet of answers) assertChecksums(packet);
  assert.deepEqual(answers.map((packet) => [packet[9], sourceOf(packet)]), [
    [Protocol.ICMP, b.address],
    [Protocol.TCP, foreign],
  ]);
  await close(net, client);
});

Deno.test("an ICMP message that quotes another sequence number is ignored", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 81);
  const forged: Uint8Array[] = [];
  net.lose = (packet) => {
    if (sourceOf(packet) !== b.address) return false;
    if (packet[9] !== Protocol.ICMP) return true; // the reset behind it
    const copy = packet.slice();
    copy[28 + 20 + 7]! ^= 1;
    copy[22] = copy[23] = 0;
    const sum = ~checksumOf(copy.subarray(20)) & 0xffff;
    copy[22] = sum >> 8;
    copy[23] = sum & 255;
    forged.push(copy);
    return true;
  };
  net.carry();
  b.arrived[0]!.refuse(1);
  await net.settle();
  assert.equal(forged.length, 1);
  net.inject(a, forged[0]!);
  assert.equal(client.failure, undefined);
  await close(net, client);
});

Deno.test("a half-closed connection still carries the other direction", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  client.shutdown();
  await net.settle();
  assert.equal(await server.readable(), false);
  const data = bytes(300_000);
  const work = Promise.all([
    sendAll(server, data).then(() => server.shutdown()),
    receiveAll(client),
  ]);
  const [, got] = await during(net, work);
  assert.deepEqual(got, data);
  await close(net, client, server);
  for (const { stack } of [a, b]) {
    const { connections, active, timeWait } = stack.statistics();
    assert.deepEqual({ connections, active, timeWait }, {
      connections: 0,
      active: 0,
      timeWait: 0,
    });
  }
});

Deno.test("an abort is seen as a reset by whoever waits on the other side", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  let told: string | undefined;
  server.onFailure = (error) => told = error.reason;
  const reading = assert.rejects(server.readable(), { reason: "reset" });
  client.abort();
  await net.settle();
  await reading;
  assert.equal(told, "reset");
  await assert.rejects(client.readable(), { reason: "reset" });
  await close(net, client, server);
});

Deno.test("releasing a connection whose streams have not ended resets it", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  client.release();
  await net.settle();
  await assert.rejects(server.readable(), { reason: "reset" });
  await close(net, server);
});

Deno.test("a reset for a held SYN fails it before it was accepted", async () => {
  const { net, a, b } = await pair();
  const client = a.stack.connect(b.address, 8080);
  net.carry();
  client.abort();
  client.release();
  await net.settle();
  // A closed SYN_SENT sends no reset by itself; the SYN's twin gets one from the table.
  const server = b.arrived[0]!;
  server.accept();
  await net.settle();
  await assert.rejects(server.opened());
  await close(net, server);
});

Deno.test("connections to a host that is down end at once, others stay", async () => {
  const net = new Network();
  const a = await net.add("127.0.42.100");
  const b = await net.add("127.0.42.101");
  const c = await net.add("127.0.42.102");
  const [toB, fromA] = await connected(net, a, b);
  const [toC, other] = await connected(net, a, c);
  const opening = a.stack.connect(b.address, 9);
  const failed = assert.rejects(opening.opened(), { reason: "host-down" });
  assert.equal(a.stack.abortRange(b.address, 32), 2);
  a.stack.dispatch();
  await failed;
  await assert.rejects(toB.readable(), { reason: "host-down" });
  const work = Promise.all([
    sendAll(toC, bytes(10)).then(() => toC.shutdown()),
    receiveAll(other),
  ]);
  assert.equal((await during(net, work))[1].length, 10);
  await close(net, toB, toC, opening, fromA, other);
});

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

Deno.test("lost packets are sent again and the stream stays right", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  let state = 1;
  let lost = 0;
  net.lose = () => {
    state = (state * 1103515245 + 12345) >>> 0;
    const lose = state / 2 ** 32 < 0.05;
    if (lose) lost++;
    return lose;
  };
  const data = bytes(3_000_000);
  const work = Promise.all([
    sendAll(client, data).then(() => client.shutdown()),
    receiveAll(server),
  ]);
  const [, got] = await during(net, work, true);
  assert.deepEqual(got, data);
  assert.ok(lost > 0);
  net.lose = () => false;
  await close(net, client, server);
});

Deno.test("malformed packets are dropped and counted", async () => {
  const { net, a } = await pair();
  let state = 99;
  const random = () => (state = (state * 1103515245 + 12345) >>> 0) / 2 ** 32;
  for (let i = 0; i < 20_000; i++) {
    const packet = bytes(Math.floor(random() * 80), i);
    if (random() < 0.8 && packet.length >= 20) {
      packet[0] = 0x45;
      packet[9] = random() < 0.5 ? 6 : 1;
      packet[2] = 0;
      packet[3] = random() < 0.9 ? packet.length : 255;
      packet.set([127, 0, 42, 100], 16);
    }
    net.inject(a, packet);
  }
  const { packetsIn, packetsDropped, connections } = a.stack.statistics();
  assert.equal(packetsIn, 20_000);
  assert.ok(packetsDropped > 5_000);
  assert.equal(connections, 0, "no SYN with a wrong checksum is held");
});

Deno.test("an idle stack wants no timer, also with connections open", async () => {
  const { net, a, b } = await pair();
  assert.equal(a.stack.poll(net.now), Infinity);
  const [client, server] = await connected(net, a, b);
  await net.pass(300);
  assert.equal(a.stack.poll(net.now), Infinity);
  assert.equal(b.stack.poll(net.now), Infinity);
  await sendAll(client, bytes(5));
  assert.ok(a.stack.poll(net.now) <= 50, "bytes not yet acknowledged want one");
  net.now += 3_600_000; // the machine slept
  await net.settle();
  await net.pass(500);
  assert.equal(a.stack.poll(net.now), Infinity);
  client.shutdown();
  server.shutdown();
  await net.settle();
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
