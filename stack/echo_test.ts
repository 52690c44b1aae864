// ICMP echo: what the stack answers, what not, and how much of the output answers may have.
import assert from "node:assert/strict";
import fc from "fast-check";
import { assertChecksums, checksumOf } from "./_checksum.ts";
import { Network, type Node, packetsOf, sendAll } from "./_network.ts";
import { bytes, connected, pair } from "./_pair.ts";

const ASKER = 0x7f002a09;

/** A request, checksums right; whatever `spoil` does to the packet comes after that. */
function request(
  to: number,
  data: Uint8Array,
  { type = 8, code = 0, header = 20, sequence = 7 } = {},
): Uint8Array {
  const packet = new Uint8Array(header + 8 + data.length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x40 | header / 4;
  view.setUint16(2, packet.length);
  packet[8] = 64;
  packet[9] = 1;
  view.setUint32(12, ASKER);
  view.setUint32(16, to);
  packet.fill(1, 20, header); // options that do nothing
  view.setUint16(10, ~checksumOf(packet.subarray(0, header)) & 0xffff);
  packet[header] = type;
  packet[header + 1] = code;
  view.setUint16(header + 4, 0x1234);
  view.setUint16(header + 6, sequence);
  packet.set(data, header + 8);
  view.setUint16(header + 2, ~checksumOf(packet.subarray(header)) & 0xffff);
  return packet;
}

/** The answers that wait in the output, in the order in which they leave. */
function answersOf({ stack }: Node, onlyFirst = false): Uint8Array[] {
  const run = stack.takeOutput(onlyFirst);
  if (!run) return [];
  const packets = packetsOf(run).filter((packet) => packet[9] === 1);
  stack.outputDone();
  return packets;
}

async function alone(): Promise<{ net: Network; node: Node }> {
  const net = new Network();
  return { net, node: await net.add("127.0.42.100") };
}

for (const size of [0, 1, 56, 1472, 1473, 9000, 65_500, 65_507]) {
  Deno.test(`an echo of ${size} bytes is answered with its data`, async () => {
    const { net, node } = await alone();
    const asked = request(node.address, bytes(size));
    net.inject(node, asked);
    const [answer, ...more] = answersOf(node);
    assert.ok(answer);
    assert.equal(more.length, 0);
    assertChecksums(answer);
    assert.equal(answer.length, asked.length);
    assert.deepEqual([...answer.subarray(12, 22)], [
      ...[...asked.subarray(16, 20), ...asked.subarray(12, 16)],
      ...[0, 0],
    ], "addresses are swapped, and type and code are those of an answer");
    assert.deepEqual(answer.subarray(24), asked.subarray(24));
    assert.equal(node.stack.statistics().echoes, 1);
  });
}

Deno.test("options of the request's header are left out of the answer", async () => {
  const { net, node } = await alone();
  net.inject(node, request(node.address, bytes(32), { header: 28 }));
  const [answer] = answersOf(node);
  assert.equal(answer?.length, 20 + 8 + 32);
  assertChecksums(answer);
});

Deno.test("only an echo to the stack's own address is answered", async () => {
  const { net, node } = await alone();
  for (const to of [node.address + 1, 0x0a000001, 0x7fffffff, 0xffffffff, 0]) {
    net.inject(node, request(to, bytes(8)));
  }
  assert.deepEqual(answersOf(node), []);
  assert.equal(node.stack.statistics().echoes, 0);
});

Deno.test("what is no whole request is not answered", async () => {
  const { net, node } = await alone();
  const good = request(node.address, bytes(8));
  const wrong: Uint8Array[] = [
    request(node.address, bytes(8), { type: 0 }), // an answer, or two would never end
    request(node.address, bytes(8), { type: 13 }),
    request(node.address, bytes(8), { code: 1 }),
    good.slice(0, 26),
    good.with(30, good[30]! ^ 1), // its data are not those of its checksum
    good.with(8, 63), // nor is its header
    good.with(6, 0x20), // a fragment
  ];
  const short = good.slice(0, 24);
  new DataView(short.buffer).setUint16(2, 24);
  for (const packet of [...wrong, short]) net.inject(node, packet);
  assert.deepEqual(answersOf(node), []);
  assert.equal(node.stack.statistics().echoes, 0);
});

Deno.test("small answers leave ahead of bulk", async () => {
  const { net, a, b } = await pair();
  const [client] = await connected(net, a, b);
  net.take = () => undefined;
  await sendAll(client, bytes(600_000));
  await net.settle();
  net.inject(a, request(a.address, bytes(56)));
  assert.equal(answersOf(a, true).length, 1);
  client.abort();
});

Deno.test("a large echo finds room while a buffer is full of bulk", async () => {
  const { net, a, b } = await pair();
  const [client] = await connected(net, a, b);
  a.stack.limitOutput(20_000, 8_000);
  net.take = () => undefined;
  await sendAll(client, bytes(600_000));
  await net.settle();
  const before = a.stack.waiting().bytes;
  assert.ok(before > 10_000 && before < 30_000, `${before} bytes wait`);
  net.inject(a, request(a.address, bytes(60_000)));
  assert.equal(answersOf(a).length, 1);
  client.abort();
});

for (const size of [0, 56, 1472, 4000, 65_500]) {
  Deno.test(`of a flood of ${size} bytes each, answers have their share of the output`, async () => {
    const { net, node } = await alone();
    const flood = () => {
      const asked = request(node.address, bytes(size));
      for (let count = 0; count < 3000; count++) net.inject(node, asked);
    };
    flood();
    const { bytes: waiting, first } = node.stack.waiting();
    assert.ok(first <= 8 * 1024, `${first} bytes in the small buffer`);
    assert.ok(waiting <= 3 * 64 * 1024, `${waiting} bytes wait`);
    const answers = answersOf(node);
    const { echoes, echoesDropped } = node.stack.statistics();
    assert.ok(answers.length > 0);
    assert.equal(echoes, answers.length);
    assert.equal(echoes + echoesDropped, 3000);
    flood();
    assert.equal(
      answersOf(node).length,
      answers.length,
      "the next buffer has a share too",
    );
  });
}

Deno.test("a flood of echoes does not stop a stream", async () => {
  const { net, a, b } = await pair();
  const [client, server] = await connected(net, a, b);
  const data = bytes(3_000_000);
  const asked = request(a.address, bytes(1400));
  net.tap = (packet) => {
    if (packet[9] === 6 && packet.length > 1000) {
      for (let count = 0; count < 50; count++) net.inject(a, asked);
    }
  };
  const sending = sendAll(client, data).then(() => client.shutdown());
  let got = 0;
  for (let rounds = 0; got < data.length; rounds++) {
    assert.ok(rounds < 2000, "the stream stands still");
    await net.settle();
    for (let part = server.peek(); part.length > 0; part = server.peek()) {
      got += part.length;
      server.consume(part.length);
    }
  }
  await sending;
  assert.ok(a.stack.statistics().echoesDropped > 0, "there was no flood");
});

Deno.test("whatever comes as ICMP, an answer is the request with another type", async () => {
  const { net, node } = await alone();
  const spec = fc.record({
    type: fc.oneof(fc.constant(8), fc.integer({ min: 0, max: 255 })),
    code: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })),
    header: fc.integer({ min: 5, max: 15 }).map((words) => words * 4),
    sequence: fc.integer({ min: 0, max: 65_535 }),
  });
  const bent = fc.array(fc.tuple(fc.nat(80), fc.integer({ min: 0, max: 255 })), {
    maxLength: 2,
  });
  let answered = 0;
  fc.assert(
    fc.property(spec, fc.uint8Array({ maxLength: 2000 }), bent, (spec, data, bent) => {
      const asked = request(node.address, data, spec);
      for (const [at, value] of bent) if (at < asked.length) asked[at] = value;
      net.inject(node, asked);
      for (const answer of answersOf(node)) {
        answered++;
        assertChecksums(answer);
        assert.deepEqual(answer.subarray(24), asked.subarray((asked[0]! & 15) * 4 + 4));
        assert.deepEqual(answer.subarray(16, 20), asked.subarray(12, 16));
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(answered > 50, `only ${answered} were answered`);
  assert.equal(node.stack.statistics().echoes, answered);
});
