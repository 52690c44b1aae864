import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameDecoder } from "../../wire/decoder.ts";
import { Frame } from "../../wire/frame.ts";
import { sourcePortOf } from "../../wire/ip/ipv4.ts";
import { controlFrame, packetFrame } from "../../router/_test_packets.ts";
import { LinkQueue } from "./queue.ts";

/** A packet of `size` bytes with its frame, of a flow told by its port. */
function frameOf(flow: number, seq: number, size: number): Frame {
  return packetFrame({ fromPort: flow, seq, data: Math.max(0, size - 48) });
}

const flowIn = (frame: Frame) => sourcePortOf(frame.bytes, 8);
const seqIn = (frame: Frame) =>
  new DataView(frame.bytes.buffer, frame.bytes.byteOffset).getUint32(32);

function framesIn(writes: Uint8Array[]): Frame[] {
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  const frames = writes.flatMap((write) => decoder.push(write));
  decoder.finish();
  return frames;
}

/** A stream whose writes settle only when the test says so. */
function gatedStream() {
  const writes: Uint8Array[] = [];
  let open: (() => void) | undefined;
  let fail: ((error: Error) => void) | undefined;
  let isClosed = false;
  const writable = new WritableStream<Uint8Array>({
    write(chunk) {
      writes.push(chunk);
      return new Promise((resolve, reject) => [open, fail] = [resolve, reject]);
    },
    close() {
      isClosed = true;
    },
  });
  /** Lets every microtask run that can. */
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve));
  return {
    writable,
    writes,
    settle,
    isClosed: () => isClosed,
    fail: (error: Error) => fail!(error),
    /** Lets writes through until none comes any more. */
    async flow() {
      for (await settle(); open !== undefined; await settle()) {
        const release = open;
        open = undefined;
        release();
      }
    },
  };
}

Deno.test("what was pushed onto an idle queue in one turn goes in one write", async () => {
  const link = gatedStream();
  const queue = new LinkQueue();
  const draining = queue.drain(link.writable);
  await link.settle();
  for (let i = 0; i < 100; i++) queue.push(frameOf(1, i, 48));
  await link.settle();
  assert.deepEqual(link.writes.map((write) => write.length), [4800]);
  queue.close();
  await link.flow();
  await draining;
});

Deno.test("what comes while a write is under way goes with the next ones", async () => {
  const link = gatedStream();
  const queue = new LinkQueue();
  const draining = queue.drain(link.writable);
  queue.push(frameOf(1, 0, 48));
  await link.settle();
  for (let i = 1; i < 2000; i++) queue.push(frameOf(1, i, 48));
  await link.flow();
  assert.deepEqual(link.writes.map((write) => write.length), [48, 95952]);
  assert.deepEqual(
    framesIn(link.writes).map(seqIn),
    Array.from({ length: 2000 }, (_, i) => i),
  );
  assert.equal(queue.counters.writtenBytes, 96_000);
  queue.close();
  await draining;
  assert.ok(link.isClosed());
});

Deno.test("random traffic stays within the limit, in order, and is accounted for", () => {
  const push = fc.tuple(fc.nat({ max: 9 }), fc.constantFrom(48, 1500, 65536));
  const steps = fc.array(fc.oneof(push, push, fc.constant("take" as const)), {
    minLength: 50,
    maxLength: 300,
  });
  const LIMIT = 400_000;
  fc.assert(
    fc.property(steps, (plan) => {
      const queue = new LinkQueue({ limitBytes: LIMIT });
      const got: Frame[] = [];
      let seq = 0;
      for (const step of plan) {
        if (step === "take") got.push(...framesIn(queue.take()));
        else assert.equal(queue.push(frameOf(step[0], ++seq, step[1])), true);
        assert.ok(queue.bytes <= LIMIT);
      }
      assert.ok(queue.counters.peakBytes <= LIMIT);
      while (queue.length > 0) got.push(...framesIn(queue.take()));
      const last = new Map<number, number>();
      for (const frame of got) {
        assert.ok(seqIn(frame) > (last.get(flowIn(frame)) ?? 0));
        last.set(flowIn(frame), seqIn(frame));
      }
      const { pushed, taken, takenBytes, dropped, refused } = queue.counters;
      assert.deepEqual([pushed, taken + dropped, refused], [seq, seq, 0]);
      assert.equal(taken, got.length);
      assert.equal(takenBytes, got.reduce((sum, frame) => sum + frame.bytes.length, 0));
      assert.equal(queue.bytes, 0);
    }),
    { seed: 19, numRuns: 100 },
  );
});

Deno.test("at the limit the flow that holds most pays, a quiet one loses nothing", () => {
  const queue = new LinkQueue({ limitBytes: 1 << 20 });
  for (let i = 0; i < 400; i++) {
    queue.push(frameOf(1, i, 65536));
    if (i % 10 === 0) queue.push(frameOf(2, i, 48));
  }
  const got: Frame[] = [];
  while (queue.length > 0) got.push(...framesIn(queue.take()));
  assert.equal(got.filter((frame) => flowIn(frame) === 2).length, 40);
  assert.equal(queue.counters.dropped, 400 + 40 - got.length);
  assert.equal(queue.counters.droppedBytes, queue.counters.dropped * 65536);
  // The oldest went, so what is left of the bulk flow is the newest.
  assert.equal(Math.max(...got.map(seqIn)), 399);
});

Deno.test("a frame of a quiet flow leaves with the next take, whatever waits", () => {
  const queue = new LinkQueue();
  for (let i = 0; i < 400; i++) queue.push(frameOf(i % 4, i, 65536));
  for (let i = 0; i < 10; i++) queue.take();
  queue.push(frameOf(77, 0, 56));
  const [first] = framesIn(queue.take());
  assert.equal(flowIn(first!), 77);
});

Deno.test("a stalled link never makes push wait, and takes up bounded memory", async () => {
  const link = gatedStream();
  const queue = new LinkQueue({ limitBytes: 1 << 20 });
  const draining = queue.drain(link.writable);
  await link.settle();
  const started = performance.now();
  for (let i = 0; i < 20_000; i++) queue.push(frameOf(i % 50, i, 1500));
  assert.ok(performance.now() - started < 5000);
  await link.settle();
  assert.equal(link.writes.length, 1);
  assert.ok(queue.bytes <= 1 << 20);
  assert.ok(queue.counters.dropped > 19_000);
  queue.discard();
  link.fail(new Error("killed"));
  await assert.rejects(draining, { message: "killed" });
});

Deno.test("control frames go before data and are never dropped for it", () => {
  const queue = new LinkQueue({ limitBytes: 200_000 });
  const ping = controlFrame('{"ping":1}');
  queue.push(frameOf(1, 0, 65536));
  queue.push(ping);
  for (let i = 1; i < 100; i++) queue.push(frameOf(1, i, 65536));
  assert.ok(queue.counters.dropped > 0);
  assert.deepEqual(framesIn(queue.take())[0]!.bytes, ping.bytes);
});

Deno.test("too many control frames are refused, but one of any size fits", () => {
  const queue = new LinkQueue();
  const large = controlFrame("x".repeat(2 << 20));
  assert.equal(queue.push(large), true);
  assert.equal(queue.push(controlFrame()), false);
  assert.equal(queue.counters.refused, 1);
  assert.equal(queue.take()[0], large.bytes);
  assert.equal(queue.push(controlFrame()), true);
});

Deno.test("frames read together are written from where they lie", () => {
  const chunk = new Uint8Array(4 * 16384);
  const frames = Array.from({ length: 4 }, (_, i) => {
    chunk.set(frameOf(1, i, 16384).bytes, i * 16384);
    return new Frame(chunk.subarray(i * 16384, (i + 1) * 16384));
  });
  const queue = new LinkQueue();
  for (const frame of frames) queue.push(frame);
  const writes = queue.take();
  assert.equal(writes.length, 1);
  assert.equal(writes[0]!.buffer, chunk.buffer);
});

/** A frame of 48 bytes `place` bytes into a large chunk. */
function inChunk(chunk: Uint8Array, place: number): Frame {
  chunk.set(frameOf(1, place, 48).bytes, place);
  return new Frame(chunk.subarray(place, place + 48));
}

/** How many of the buffers that wait in `queue`, taken one by one, are of `size` bytes. */
function buffersOf(queue: LinkQueue, size: number): number {
  const buffers = new Set<ArrayBufferLike>();
  for (let writes = queue.take(1); writes.length > 0; writes = queue.take(1)) {
    buffers.add(writes[0]!.buffer);
  }
  return [...buffers].filter((buffer) => buffer.byteLength === size).length;
}

Deno.test("a long queue of small frames does not pin the chunks they came in", () => {
  const queue = new LinkQueue();
  for (let i = 0; i < 500; i++) queue.push(inChunk(new Uint8Array(1 << 14), 100));
  assert.equal(queue.length, 500);
  assert.equal(buffersOf(queue, 1 << 14), 64);
});

Deno.test("many small frames of one chunk stay in it", () => {
  const queue = new LinkQueue();
  const chunk = new Uint8Array(1 << 14);
  for (let i = 0; i < 300; i++) queue.push(inChunk(chunk, i * 50));
  assert.deepEqual([queue.length, buffersOf(queue, 48)], [300, 0]);
});

Deno.test("close writes what waits, refuses what comes, and closes the link", async () => {
  const link = gatedStream();
  const queue = new LinkQueue();
  for (let i = 0; i < 5; i++) queue.push(frameOf(1, i, 65536));
  queue.close();
  assert.equal(queue.push(frameOf(1, 9, 48)), false);
  const draining = queue.drain(link.writable);
  await link.flow();
  await draining;
  assert.equal(framesIn(link.writes).length, 5);
  assert.ok(link.isClosed());
  assert.ok(!link.writable.locked);
});

Deno.test("a write that fails ends the loop with its reason and drops the rest", async () => {
  const link = gatedStream();
  const queue = new LinkQueue();
  const draining = queue.drain(link.writable);
  for (let i = 0; i < 5; i++) queue.push(frameOf(1, i, 65536));
  await link.settle();
  link.fail(new Error("broken pipe"));
  await assert.rejects(draining, { message: "broken pipe" });
  assert.equal(queue.bytes, 0);
  assert.deepEqual([queue.counters.taken, queue.counters.dropped], [2, 3]);
  assert.equal(queue.push(frameOf(1, 9, 48)), false);
});

Deno.test("a link that ends while nothing is written ends the loop, too", async () => {
  let controller: WritableStreamDefaultController;
  const writable = new WritableStream<Uint8Array>({
    start: (c) => void (controller = c),
  });
  const queue = new LinkQueue();
  const draining = queue.drain(writable);
  await new Promise((resolve) => setTimeout(resolve));
  controller!.error(new Error("the agent is gone"));
  await assert.rejects(draining, { message: "the agent is gone" });
  assert.equal(queue.push(frameOf(1, 0, 48)), false);
});

Deno.test("the status of a queue says what happened in it and what waits", () => {
  const queue = new LinkQueue({ limitBytes: 5000 });
  for (let seq = 0; seq < 6; seq++) queue.push(packetFrame({ seq }));
  queue.push(controlFrame());
  queue.take(60);
  assert.deepEqual(queue.status(), {
    pushed: 7,
    taken: 2,
    takenBytes: 58,
    writtenBytes: 0,
    dropped: 2,
    droppedBytes: 96,
    cut: 0,
    refused: 0,
    peakBytes: 202,
    frames: 3,
    bytes: 144,
    weight: 144 + 3 * 1024,
    limitBytes: 5000,
  });
});
