import assert from "node:assert/strict";
import { FrameDecoder, FrameError } from "../wire/decoder.ts";
import { encodeFrame, type Frame, FrameType } from "../wire/frame.ts";
import { decode, READ_BYTES } from "./decode.ts";

/** A frame of `size` bytes that holds a pattern of its own. */
function frameOf(size: number, seed: number): Frame {
  return encodeFrame(
    FrameType.L3,
    Uint8Array.from({ length: size - 8 }, (_, i) => i * seed >>> 3),
  );
}

function concat(frames: Frame[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frames.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const frame of frames) {
    bytes.set(frame.bytes, at);
    at += frame.bytes.length;
  }
  return bytes;
}

/** A byte stream whose reads bring at most the sizes in `reads`, in turn. */
function byteStream(bytes: Uint8Array, reads: number[]) {
  let at = 0;
  let turn = 0;
  const seen = { buffers: new Set<ArrayBufferLike>(), cancelled: false, largest: 0 };
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller: ReadableByteStreamController) {
      const request = controller.byobRequest!;
      const view = request.view!;
      seen.largest = Math.max(seen.largest, view.buffer.byteLength);
      const size = Math.min(
        reads[turn++ % reads.length]!,
        view.byteLength,
        bytes.length - at,
      );
      if (size === 0) controller.close();
      new Uint8Array(view.buffer, view.byteOffset).set(bytes.subarray(at, at + size));
      at += size;
      request.respond(size);
    },
    cancel() {
      seen.cancelled = true;
    },
  });
  return { stream: stream as ReadableStream<Uint8Array>, seen };
}

function chunkStream(bytes: Uint8Array, sizes: number[]): ReadableStream<Uint8Array> {
  let at = 0;
  let turn = 0;
  return new ReadableStream({
    pull(controller) {
      if (at === bytes.length) return controller.close();
      const end = Math.min(bytes.length, at + sizes[turn++ % sizes.length]!);
      controller.enqueue(bytes.slice(at, end));
      at = end;
    },
  });
}

async function collect(batches: AsyncIterable<Frame[]>): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const batch of batches) {
    assert.ok(batch.length > 0);
    frames.push(...batch.map((frame) => frame.kept()));
  }
  return frames;
}

const sizes = [
  8,
  9,
  48,
  65536,
  65536,
  65536,
  1500,
  65543,
  300_000,
  56,
  700_000,
  12,
  65536,
];
const frames = sizes.map((size, i) => frameOf(size, i + 1));
const wanted = frames.map((frame) => Array.from(frame.bytes));

for (const reads of [[65536], [1 << 20], [48], [5, 70_000, 1], [READ_BYTES, 1]]) {
  Deno.test(`frames come whole and stay so, in reads of ${reads} bytes`, async () => {
    const bytes = concat(frames);
    const byob = await collect(
      decode(byteStream(bytes, reads).stream, new FrameDecoder()),
    );
    assert.deepEqual(byob.map((frame) => Array.from(frame.bytes)), wanted);
    const chunks = await collect(decode(chunkStream(bytes, reads), new FrameDecoder()));
    assert.deepEqual(chunks.map((frame) => Array.from(frame.bytes)), wanted);
  });
}

Deno.test("a few small packets do not pin a large buffer", async () => {
  const { stream } = byteStream(concat([frameOf(48, 1), frameOf(56, 2)]), [104]);
  const [first] = await collect(decode(stream, new FrameDecoder()));
  assert.equal(first!.bytes.buffer.byteLength, 104);
});

Deno.test("a full buffer is handed on without a copy", async () => {
  const many = Array.from({ length: 8 }, (_, i) => frameOf(65536, i));
  const { stream, seen } = byteStream(concat(many), [1 << 20]);
  const buffers = new Set<ArrayBufferLike>();
  for await (const batch of decode(stream, new FrameDecoder())) {
    for (const { bytes } of batch) buffers.add(bytes.buffer);
  }
  assert.ok(buffers.size <= 2, `${buffers.size} buffers for two reads`);
  assert.equal(seen.largest, READ_BYTES);
});

Deno.test("a byte stream that ends inside a frame is an error, also between reads", async () => {
  for (const cut of [1, 9, 70_000]) {
    const bytes = concat([frameOf(100, 1), frameOf(80_000, 2)]).slice(0, 100 + cut);
    for (const stream of [byteStream(bytes, [300]).stream, chunkStream(bytes, [300])]) {
      await assert.rejects(collect(decode(stream, new FrameDecoder())), (error) => {
        assert.ok(error instanceof FrameError);
        assert.match(error.message, new RegExp(`at byte 100: .*: ${cut} of its`));
        return true;
      });
    }
  }
});

Deno.test("what is no frame ends the iteration with an error and cancels the stream", async () => {
  const { stream, seen } = byteStream(new TextEncoder().encode("Welcome!".repeat(99)), [
    90,
  ]);
  await assert.rejects(
    collect(decode(stream, new FrameDecoder({ bannerLimit: 0 }))),
    FrameError,
  );
  assert.ok(seen.cancelled);
  assert.ok(!stream.locked);
});

Deno.test("a consumer that stops early cancels the stream", async () => {
  const { stream, seen } = byteStream(concat(frames), [50]);
  for await (const _ of decode(stream, new FrameDecoder())) break;
  assert.ok(seen.cancelled);
  assert.ok(!stream.locked);
});

Deno.test("a signal ends a read that waits, without an error", async () => {
  for (const type of ["bytes", undefined] as const) {
    let enqueue: (chunk: Uint8Array<ArrayBuffer>) => void;
    const start = (controller: { enqueue: typeof enqueue }) => {
      enqueue = (chunk) => controller.enqueue(chunk);
    };
    const stream = (type === "bytes"
      ? new ReadableStream({ type, start })
      : new ReadableStream({ start })) as ReadableStream<Uint8Array>;
    const abort = new AbortController();
    const reading = collect(decode(stream, new FrameDecoder(), { signal: abort.signal }));
    enqueue!(frames[2]!.bytes.slice(0, 20));
    setTimeout(() =>
      abort.abort()
    );
    assert.deepEqual(await reading, []);
    assert.ok(!stream.locked);
  }
});

Deno.test("a signal that came before ends at once", async () => {
  const stream = new ReadableStream<Uint8Array>();
  const reading = decode(stream, new FrameDecoder(), { signal: AbortSignal.abort() });
  assert.deepEqual(await collect(reading), []);
});

Deno.test("a stream that fails while frames are handled fails the next step only", async () => {
  let turn = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (turn++ === 0) controller.enqueue(frames[2]!.bytes.slice());
      else controller.error(new Error("pipe broken"));
    },
  });
  const batches = decode(stream, new FrameDecoder());
  assert.equal((await batches.next()).value?.length, 1);
  await new Promise((resolve) => setTimeout(resolve));
  await assert.rejects(batches.next(), { message: "pipe broken" });
});

Deno.test("a child's output is read into buffers of ours", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "await Deno.stdin.readable.pipeTo(Deno.stdout.writable)"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writing = (async () => {
    const writer = child.stdin.getWriter();
    await writer.write(concat(frames));
    await writer.close();
  })();
  const got = await collect(decode(child.stdout, new FrameDecoder()));
  assert.deepEqual(got.map((frame) => Array.from(frame.bytes)), wanted);
  await writing;
  await child.status;
});
