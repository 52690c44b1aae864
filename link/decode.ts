/**
 * Decode: from the bytes of a link to batches of frames, the start of a pipeline.
 *
 * Frames are views of the memory they were read into, which is read into again once
 * nobody holds their lease: whoever keeps a frame keeps all of its chunk, up to
 * {@linkcode READ_BYTES} and a further frame. So that a few small packets do not pin a
 * large chunk each, the bytes of a small read are copied out. A read is always under way
 * while the frames of the read before are handled, so that the system fills the next
 * buffer meanwhile.
 *
 * @module
 */

import type { FrameDecoder } from "../wire/decoder.ts";
import type { Frame } from "../wire/frame.ts";
import { BufferPool, Lease } from "../wire/lease.ts";
import { type Handover, handoverOf } from "./handover.ts";
import { idleMemory } from "./idle_memory.ts";

/** Bytes asked for in a read: beyond this, reads of a pipe get no faster. */
export const READ_BYTES: number = 256 * 1024;

/** Most frames of a batch: a read may bring thousands of small frames. */
const MOST_FRAMES = 512;

/** A read of at most this many bytes is copied out, and its buffer is used again. */
const COPY_BYTES = READ_BYTES / 8;

/** Unused buffers that are kept for the next reads of a link. */
const MOST_UNUSED = 8;

/** Options of {@linkcode decode}. */
export interface DecodeOptions {
  /** Ends the iteration without an error, also in the middle of a read. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads `readable` to its end and yields the frames that each read completed. A byte
 * stream is read with a BYOB reader; the end of a {@linkcode Handover} is not read as a
 * stream at all. When the consumer stops early, or `signal` aborts, the stream is
 * cancelled.
 *
 * @throws {FrameError} where the bytes are not frames, or the input ends inside a frame;
 * and any error of reading.
 */
export async function* decode(
  readable: ReadableStream<Uint8Array>,
  decoder: FrameDecoder,
  options: DecodeOptions = {},
): AsyncGenerator<Frame[], void, void> {
  const { signal } = options;
  const handover = handoverOf(readable);
  if (handover) return yield* decodeHanded(handover, decoder, signal);
  const reader = readerOf(readable);
  const cancel = () => void reader.cancel().catch(() => {});
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  const pool = new BufferPool(READ_BYTES, MOST_UNUSED);
  const stop = idleMemory.onQuiet(() => pool.clear());
  try {
    if (reader instanceof ReadableStreamBYOBReader) {
      yield* decodeInto(reader, decoder, { signal, pool });
    } else {
      yield* decodeChunks(reader, decoder, signal);
    }
  } finally {
    stop();
    signal?.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

type Reader = ReadableStreamBYOBReader | ReadableStreamDefaultReader<Uint8Array>;

function readerOf(readable: ReadableStream<Uint8Array>): Reader {
  try {
    return readable.getReader({ mode: "byob" });
  } catch (error) {
    // Not a byte stream. A locked stream throws the same, and again here.
    if (error instanceof TypeError) return readable.getReader();
    throw error;
  }
}

/**
 * Reads into buffers of ours; the unfinished frame goes to the front of the next buffer.
 */
async function* decodeInto(
  reader: ReadableStreamBYOBReader,
  decoder: FrameDecoder,
  { signal, pool }: { signal: AbortSignal | undefined; pool: BufferPool },
): AsyncGenerator<Frame[], void, void> {
  let reading = watched(reader.read(new Uint8Array(READ_BYTES)));
  for (;;) {
    const { value, done } = await reading;
    if (value === undefined) return; // cancelled
    const buffer = value.buffer;
    if (done) {
      if (!signal?.aborted) decoder.finish(new Uint8Array(buffer, 0, value.byteOffset));
      return;
    }
    const filled = new Uint8Array(buffer, 0, value.byteOffset + value.byteLength);
    idleMemory.moved(value.byteLength);
    const isSmall = filled.length <= COPY_BYTES;
    const chunk = isSmall ? filled.slice() : filled;
    let frames: Frame[] = [];
    const lease = isSmall ? undefined : new Lease(() => pool.give(buffer));
    let used = decoder.scan(chunk, frames, lease, MOST_FRAMES);
    while (frames.length === MOST_FRAMES) {
      yield frames;
      frames = [];
      used += decoder.scan(chunk.subarray(used), frames, lease, MOST_FRAMES);
    }
    const tail = chunk.subarray(used);

    // Frames found in place own their buffer. Without any, the unfinished frame stays in
    // place, so that no byte is moved twice, unless the frame needs a larger buffer.
    const isFree = isSmall || used === 0;
    const wanted = Math.max(READ_BYTES, decoder.wanted(tail));
    const next = isFree && wanted <= buffer.byteLength
      ? buffer
      : wanted > READ_BYTES
      ? new ArrayBuffer(wanted)
      : pool.take();
    if (used > 0 || next !== buffer) new Uint8Array(next).set(tail);
    reading = watched(reader.read(new Uint8Array(next, tail.length)));
    if (frames.length > 0) yield frames;
    if (!isFree) lease?.drop();
  }
}

/** Takes the chunks that a stream without a BYOB reader gives. */
async function* decodeChunks(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  decoder: FrameDecoder,
  signal: AbortSignal | undefined,
): AsyncGenerator<Frame[], void, void> {
  let reading = watched(reader.read());
  for (;;) {
    const { value, done } = await reading;
    if (done) {
      if (!signal?.aborted) decoder.finish();
      return;
    }
    reading = watched(reader.read());
    const frames = decoder.push(value);
    if (frames.length > 0) yield frames;
  }
}

/** Takes the chunks that the other end in this process hands over. */
async function* decodeHanded(
  handover: Handover,
  decoder: FrameDecoder,
  signal: AbortSignal | undefined,
): AsyncGenerator<Frame[], void, void> {
  const cancel = () => handover.cancel();
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      const handed = await handover.take();
      if (handed === undefined) {
        if (!signal?.aborted) decoder.finish();
        return;
      }
      const frames = decoder.push(handed.bytes, handed.lease);
      if (frames.length > 0) yield frames;
      handed.lease?.drop();
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

/** Marks a read ahead as handled: a read may fail before anyone awaits its result. */
function watched<T>(reading: Promise<T>): Promise<T> {
  reading.catch(() => {});
  return reading;
}
