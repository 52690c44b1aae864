// How connections begin, and how a target that cannot be dialled is told.
import assert from "node:assert/strict";
import {
  destinationOf,
  destinationPortOf,
  parseIpv4,
  Protocol,
  readUint32,
  sourceOf,
  sourcePortOf,
  TcpFlag,
  tcpFlagsOf,
} from "../wire/ip/ipv4.ts";
import { assertChecksums, checksumOf } from "./_checksum.ts";
import { close, connected, pair } from "./_pair.ts";

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
