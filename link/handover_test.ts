import assert from "node:assert/strict";
import { controlFrame, packetFrame } from "../router/_test_packets.ts";
import { FrameDecoder } from "../wire/decoder.ts";
import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { BufferPool, Lease } from "../wire/lease.ts";
import { decode } from "./decode.ts";
import { Handover, handoverOf } from "./handover.ts";
import { LinkQueue } from "./queue/queue.ts";

const [HEAD, SIZE] = [HEADER_BYTES, 48];

/** The sequence numbers of the frames that lie in `bytes`. */
function sequences(bytes: Uint8Array): number[] {
  return new FrameDecoder({ bannerLimit: 0 }).push(bytes.slice()).map(sequenceIn);
}

const sequenceIn = (frame: Frame) =>
  new DataView(frame.bytes.buffer, frame.bytes.byteOffset).getUint32(HEAD + 24);

Deno.test("what is handed over settles when it was taken, and lies where it lay", async () => {
  const handover = new Handover();
  let isTaken = false;
  const chunk = new Uint8Array([1, 2, 3]);
  const lease = new Lease(() => {});
  const putting = handover.put(chunk, lease).then(() => isTaken = true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isTaken, false);
  const handed = await handover.take();
  assert.equal(handed!.bytes, chunk);
  assert.equal(handed!.lease, lease);
  await putting;
  handover.end();
  assert.equal(await handover.take(), undefined);
  await handover.ended;
});

Deno.test("who reads into memory of its own gets a chunk in pieces", async () => {
  const handover = new Handover();
  let released = 0;
  const putting = handover.put(
    new Uint8Array([1, 2, 3, 4, 5]),
    new Lease(() => released++),
  );
  const into = new Uint8Array(2);
  const got: number[] = [];
  for (let i = 0; i < 3; i++) {
    assert.equal(released, 0);
    const bytes = await handover.read(into);
    got.push(...into.subarray(0, bytes!));
  }
  await putting;
  assert.deepEqual([got, released], [[1, 2, 3, 4, 5], 1]);
});

Deno.test("a queue is drained without a stream, as far as somebody asks for it", async () => {
  const handover = new Handover();
  const queue = new LinkQueue();
  const draining = queue.drain(handover.writable);
  const into = new Uint8Array(4 * SIZE);
  const first = handover.read(into); // asked for before there is anything
  for (let seq = 0; seq < 6; seq++) queue.push(packetFrame({ seq }));
  assert.equal(await first, 4 * SIZE);
  assert.deepEqual(sequences(into), [0, 1, 2, 3]);
  assert.equal(queue.length, 2, "the rest can still be chosen among");
  queue.push(controlFrame());
  const control = controlFrame().bytes.length;
  assert.equal(await handover.read(into), control + 2 * SIZE);
  assert.deepEqual(into.slice(0, control), controlFrame().bytes, "control goes first");
  const { taken, takenBytes, writtenBytes } = queue.counters;
  assert.deepEqual([taken, takenBytes], [7, 6 * SIZE + control]);
  assert.equal(writtenBytes, takenBytes);

  const last = handover.read(into);
  queue.push(packetFrame());
  queue.close();
  assert.equal(await last, SIZE);
  assert.equal(await handover.read(into), null);
  await draining;
});

Deno.test("no more is asked of a queue at a time than of a stream", async () => {
  const handover = new Handover();
  const queue = new LinkQueue();
  const draining = queue.drain(handover.writable, { writeBytes: 100 });
  for (let seq = 0; seq < 6; seq++) queue.push(packetFrame({ seq }));
  assert.equal(await handover.read(new Uint8Array(1000)), 2 * SIZE);
  handover.cancel();
  await assert.rejects(draining, /stopped reading/);
  assert.deepEqual([queue.length, queue.counters.dropped], [0, 4]);
  assert.equal(queue.push(packetFrame()), false);
});

Deno.test("a frame larger than what is asked for comes in pieces, and its memory is free", async () => {
  const handover = new Handover();
  const queue = new LinkQueue();
  const draining = queue.drain(handover.writable);
  const large = controlFrame(`"${"x".repeat(5000)}"`);
  queue.push(large);
  queue.push(packetFrame({ seq: 7 }));
  const into = new Uint8Array(1024);
  const got: number[] = [];
  while (got.length < large.bytes.length + SIZE) {
    got.push(...into.subarray(0, (await handover.read(into))!));
  }
  queue.close();
  assert.equal(await handover.read(into), null);
  await draining;
  assert.deepEqual(got.slice(0, large.bytes.length), [...large.bytes]);
  assert.deepEqual(sequences(Uint8Array.from(got.slice(large.bytes.length))), [7]);
});

Deno.test("a read gives the leases of its frames back", async () => {
  const handover = new Handover();
  const queue = new LinkQueue();
  const draining = queue.drain(handover.writable);
  let released = 0;
  const chunk = packetFrame({ data: 20_000 }).bytes;
  const lease = new Lease(() => released++);
  const [frame] = new FrameDecoder({ bannerLimit: 0 }).push(chunk, lease);
  queue.push(frame!);
  lease.drop();
  assert.equal(released, 0);
  await handover.read(new Uint8Array(1 << 16));
  assert.equal(released, 1);
  queue.close();
  assert.equal(await handover.read(new Uint8Array(1)), null);
  await draining;
});

Deno.test("frames are decoded without a stream, and their memory is used again", async () => {
  const handover = new Handover();
  const pool = new BufferPool(1024, 4);
  const giving = (async () => {
    for (let seq = 0; seq < 5; seq++) {
      const { bytes } = packetFrame({ seq });
      const buffer = pool.take();
      const copy = new Uint8Array(buffer, 0, SIZE);
      copy.set(bytes);
      await handover.put(copy, new Lease(() => pool.give(buffer)));
    }
    handover.end();
  })();
  const got: number[] = [];
  const buffers = new Set<ArrayBufferLike>();
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  for await (const batch of decode(handover.readable, decoder)) {
    got.push(...batch.map(sequenceIn));
    for (const frame of batch) buffers.add(frame.bytes.buffer);
  }
  await giving;
  assert.deepEqual(got, [0, 1, 2, 3, 4]);
  assert.ok(buffers.size <= 3, `${buffers.size} buffers`);
});

Deno.test("a decoder that stops, early or by its signal, makes the giver fail", async () => {
  for (const isEarly of [true, false]) {
    const handover = new Handover();
    const stop = new AbortController();
    const decoder = new FrameDecoder({ bannerLimit: 0 });
    const put = () => handover.put(packetFrame().bytes as Uint8Array<ArrayBuffer>);
    const first = put();
    let batches = 0;
    for await (const _ of decode(handover.readable, decoder, { signal: stop.signal })) {
      batches++;
      await first;
      if (isEarly) break;
      setTimeout(() => stop.abort());
    }
    assert.equal(batches, 1);
    await assert.rejects(put(), /stopped reading/);
    await handover.ended;
  }
});

Deno.test("an end in the middle of a frame is told", async () => {
  const handover = new Handover();
  const frame = packetFrame().bytes as Uint8Array<ArrayBuffer>;
  const giving = handover.put(frame.subarray(0, 20)).then(() => handover.end());
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  await assert.rejects(Array.fromAsync(decode(handover.readable, decoder)));
  await giving;
});

Deno.test("when it fails, whoever waits at either end learns why", async () => {
  const waits: ((handover: Handover) => Promise<unknown>)[] = [
    (handover) => handover.take(),
    (handover) => handover.read(new Uint8Array(1)),
    (handover) => handover.readable.getReader().read(),
    (handover) => handover.put(new Uint8Array(1)),
    (handover) => handover.writable.getWriter().write(new Uint8Array(1)),
    (handover) => handover.writable.getWriter().closed,
    (handover) => new LinkQueue().drain(handover.writable),
  ];
  for (const wait of waits) {
    const handover = new Handover();
    const waiting = wait(handover);
    const failing = assert.rejects(waiting, { message: "the wire was cut" });
    handover.fail(new Error("the wire was cut"));
    await failing;
    await assert.rejects(handover.put(new Uint8Array(1)), /cut/);
    await assert.rejects(handover.take(), /cut/);
    assert.equal(handoverOf(handover.readable), handover);
  }
});
