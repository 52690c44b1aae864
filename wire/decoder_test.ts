import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameDecoder, FrameError } from "./decoder.ts";
import { encodeFrame, type Frame, FrameType } from "./frame.ts";

/** Runs of a property; the seed is fixed so that a failure comes back. */
const PROPERTY = { seed: 42, numRuns: 200 };

const bytes = (...values: number[]) => new Uint8Array(values);
const ascii = (text: string) => new TextEncoder().encode(text);
const plain = (frames: Frame[]) => frames.map((frame) => Array.from(frame.bytes));

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => Array.from(part)));
}

/** A JSON frame as written by hand: 0x42, length 6, type 2, padding, `{}`. */
const JSON_FRAME = bytes(0x42, 0, 0, 6, 0, 2, 0, 0, 0x7b, 0x7d);
/** An L3 frame of 3 bytes, which no IP stack would take; padding set, which is ignored. */
const L3_FRAME = bytes(0x42, 0, 0, 7, 0, 1, 9, 9, 1, 2, 3);
/** No payload, and a type that does not exist yet. */
const EMPTY_FRAME = bytes(0x42, 0, 0, 4, 0x12, 0x34, 0, 0);

/** The naive twin: keeps the whole stream and parses it from the start. No banner. */
function twin(stream: Uint8Array): { frames: number[][]; left: number; bad: boolean } {
  const frames: number[][] = [];
  let rest = Array.from(stream);
  while (rest.length >= 8) {
    const length = rest[1]! * 65536 + rest[2]! * 256 + rest[3]!;
    if (rest[0] !== 0x42 || length < 4) return { frames, left: rest.length, bad: true };
    if (rest.length < 4 + length) break;
    frames.push(rest.slice(0, 4 + length));
    rest = rest.slice(4 + length);
  }
  return { frames, left: rest.length, bad: false };
}

/** Cuts `stream` at the places `cuts` names, modulo its length. */
function cut(stream: Uint8Array, cuts: number[]): Uint8Array[] {
  const places = cuts.map((place) => place % (stream.length + 1)).sort((a, b) => a - b);
  return [...places, stream.length].map((end, i) =>
    stream.slice(i === 0 ? 0 : places[i - 1], end)
  );
}

/** What a decoder makes of chunks: the frames, the banner, and its error if any. */
function decodeAll(chunks: Uint8Array[], bannerLimit = 0) {
  const frames: number[][] = [];
  const banners: string[] = [];
  const decoder = new FrameDecoder({
    bannerLimit,
    onBanner: (text) => banners.push(text),
  });
  let error = "";
  try {
    for (const chunk of chunks) frames.push(...plain(decoder.push(chunk)));
    decoder.finish();
  } catch (thrown) {
    assert.ok(thrown instanceof FrameError, String(thrown));
    error = thrown.message;
  }
  return { frames, banners, error };
}

Deno.test("hand-written frames decode to their type and payload", () => {
  const decoder = new FrameDecoder();
  const frames = decoder.push(join(JSON_FRAME, L3_FRAME, EMPTY_FRAME));
  decoder.finish();
  assert.deepEqual(frames.map((frame) => [frame.type, ...frame.payload]), [
    [2, 0x7b, 0x7d],
    [1, 1, 2, 3],
    [0x1234],
  ]);
});

Deno.test("frames split at every byte boundary, also byte by byte, stay the same", () => {
  const stream = join(JSON_FRAME, L3_FRAME, EMPTY_FRAME, JSON_FRAME);
  const wanted = plain(new FrameDecoder().push(stream));
  for (const bannerLimit of [0, 100]) {
    for (let i = 0; i <= stream.length; i++) {
      for (let j = i; j <= stream.length; j++) {
        const chunks = [stream.slice(0, i), stream.slice(i, j), stream.slice(j)];
        const { frames, banners, error } = decodeAll(chunks, bannerLimit);
        assert.deepEqual({ frames, banners, error }, {
          frames: wanted,
          banners: [],
          error: "",
        });
      }
    }
    const single = decodeAll(Array.from(stream, (byte) => bytes(byte)), bannerLimit);
    assert.deepEqual(single.frames, wanted);
  }
});

Deno.test("a frame that lies whole in a chunk is a view of it, not a copy", () => {
  const chunk = join(JSON_FRAME, L3_FRAME);
  const frames = new FrameDecoder().push(chunk);
  assert.deepEqual(frames.map((frame) => frame.bytes.byteOffset), [0, JSON_FRAME.length]);
  assert.ok(frames.every((frame) => frame.bytes.buffer === chunk.buffer));
});

Deno.test("a frame larger than its chunks is gathered in one buffer of its size", () => {
  const frame = encodeFrame(FrameType.L3, new Uint8Array(100_000).fill(7));
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  const frames: Frame[] = [];
  for (let at = 0; at < frame.bytes.length; at += 999) {
    frames.push(...decoder.push(frame.bytes.slice(at, at + 999)));
  }
  assert.deepEqual(plain(frames), plain([frame]));
  assert.equal(frames[0]!.bytes.buffer.byteLength, frame.bytes.length);
});

Deno.test("the largest frame there is comes through in single bytes of header", () => {
  const stream = new Uint8Array(2 ** 24 + 3);
  stream.set([0x42, 0xff, 0xff, 0xff, 0, 1]);
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  for (let i = 0; i < 9; i++) assert.deepEqual(decoder.push(stream.slice(i, i + 1)), []);
  assert.deepEqual(decoder.push(stream.subarray(9, stream.length - 1)), []);
  const frames = decoder.push(stream.subarray(stream.length - 1));
  assert.deepEqual(frames.map((frame) => frame.bytes.length), [2 ** 24 + 3]);
  decoder.finish();
});

Deno.test("an unfinished frame does not look at its chunk again", () => {
  const chunk = JSON_FRAME.slice(0, 9);
  const decoder = new FrameDecoder();
  decoder.push(chunk);
  chunk.fill(0);
  assert.deepEqual(plain(decoder.push(JSON_FRAME.slice(9))), [Array.from(JSON_FRAME)]);
});

Deno.test("any frames in any chunks decode as the naive twin decodes them", () => {
  const frame = fc.record({
    type: fc.integer({ min: 0, max: 65535 }),
    payload: fc.uint8Array({ maxLength: 300 }),
  }).map(({ type, payload }) => encodeFrame(type, payload).bytes);
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.nat({ max: 30 }),
      (parts, cuts, missing) => {
        const whole = join(...parts);
        const stream = whole.slice(0, Math.max(0, whole.length - missing));
        const wanted = twin(stream);
        const got = decodeAll(cut(stream, cuts));
        assert.deepEqual(got.frames, wanted.frames);
        assert.equal(got.error !== "", wanted.left > 0);
      },
    ),
    PROPERTY,
  );
});

Deno.test("hostile bytes give what the naive twin gives, or a FrameError", () => {
  const header = fc.tuple(
    fc.constantFrom(0x42, 0x42, 0x42, 0x41),
    fc.constant(0),
    fc.constant(0),
    fc.nat({ max: 12 }),
  ).map((values) => bytes(...values));
  const part = fc.oneof(header, fc.uint8Array({ maxLength: 12 }));
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 10 }).map((parts) => join(...parts)),
      fc.array(fc.nat(), { maxLength: 5 }),
      (stream, cuts) => {
        const wanted = twin(stream);
        const got = decodeAll(cut(stream, cuts));
        assert.equal(got.error !== "", wanted.bad || wanted.left > 0);
        // Frames of the chunk that holds the fault are lost with it.
        assert.deepEqual(got.frames, wanted.frames.slice(0, got.frames.length));
        if (!wanted.bad) assert.equal(got.frames.length, wanted.frames.length);
      },
    ),
    PROPERTY,
  );
});

Deno.test("a wrong magic names the offset and the bytes", () => {
  const { error } = decodeAll([join(JSON_FRAME, ascii("panic: oops"))]);
  assert.equal(
    error,
    "Cannot decode the frame at byte 10: wrong magic, wanted 0x42, got " +
      '70 61 6e 69 63 3a 20 6f 6f 70 73 "panic: oops"',
  );
});

Deno.test("a length below 4 is refused, and so is everything after an error", () => {
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  const wanted = {
    message: "Cannot decode the frame at byte 0: length 3 is below 4 in " +
      '42 00 00 03 00 01 00 00 "B......."',
  };
  assert.throws(() => decoder.push(bytes(0x42, 0, 0, 3, 0, 1, 0, 0)), wanted);
  assert.throws(() => decoder.push(JSON_FRAME), wanted);
  assert.throws(() => decoder.finish(), wanted);
});

Deno.test("a frame over the limit is refused by its header, before its bytes come", () => {
  const limited = (...header: number[]) => {
    const decoder = new FrameDecoder({ bannerLimit: 0, frameLimit: 100 });
    try {
      decoder.push(bytes(...header));
    } catch (error) {
      assert.ok(error instanceof FrameError);
      return { message: error.message, shown: error.bytes.length };
    }
  };
  assert.equal(limited(0x42, 0, 0, 96, 0, 2, 0, 0), undefined);
  assert.deepEqual(limited(0x42, 0, 0, 97, 0, 2, 0, 0), {
    message: "Cannot decode the frame at byte 0: its 101 bytes are more than the 100 " +
      'allowed, 42 00 00 61 00 02 00 00 "B..a...."',
    shown: 0,
  });
  // What is no frame at all is shown, so that it can be told what it is.
  assert.equal(limited(0x42, 0x79, 0x65, 0x20, 0x66, 0x6f, 0x72, 0x20)?.shown, 8);
});

Deno.test("a truncated input says how much of the frame came", () => {
  assert.match(
    decodeAll([JSON_FRAME.slice(0, 9)]).error,
    /ended inside a frame: 9 of its 10 bytes came/,
  );
  assert.match(
    decodeAll([JSON_FRAME.slice(0, 3)]).error,
    /ended inside a frame: 3 of its unknown number of bytes came/,
  );
  assert.equal(decodeAll([]).error, "");
});

Deno.test("scan leaves the tail to its caller and wanted tells its size", () => {
  const decoder = new FrameDecoder();
  const frames: Frame[] = [];
  const stream = join(JSON_FRAME, L3_FRAME);
  assert.equal(decoder.scan(stream.subarray(0, 15), frames), 10);
  assert.equal(decoder.wanted(stream.subarray(10, 15)), 0);
  assert.equal(decoder.scan(stream.subarray(10, 18), frames), 0);
  assert.equal(decoder.wanted(stream.subarray(10, 18)), L3_FRAME.length);
  assert.throws(() => decoder.finish(stream.subarray(10, 18)), FrameError);
});
