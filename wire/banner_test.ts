import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameDecoder, FrameError } from "./decoder.ts";
import { encodeFrame, FrameType } from "./frame.ts";

const encoder = new TextEncoder();
const answer = (length: number) =>
  encodeFrame(FrameType.JSON, encoder.encode("{" + "x".repeat(length - 1)));

/** Decodes `text`, then the frame, cut at `cuts`; gives the banner and the frames. */
function decode(text: string, frame = answer(20), cuts: number[] = [], limit = 1000) {
  const head = encoder.encode(text);
  const stream = new Uint8Array(head.length + frame.bytes.length);
  stream.set(head);
  stream.set(frame.bytes, head.length);
  const banners: string[] = [];
  const decoder = new FrameDecoder({
    bannerLimit: limit,
    onBanner: (banner) => banners.push(banner),
  });
  const places = [0, ...cuts.map((at) => at % stream.length), stream.length];
  places.sort((a, b) => a - b);
  const frames = places.flatMap((at, i) => decoder.push(stream.slice(at, places[i + 1])));
  decoder.finish();
  return { banners, frames: frames.map((got) => Array.from(got.bytes)) };
}

Deno.test("text before the first frame is skipped and shown, wherever it is split", () => {
  const frame = answer(20);
  const wanted = { frames: [Array.from(frame.bytes)] };
  for (
    const text of [
      "Welcome to Big Blue\r\n",
      "B",
      "BB",
      "BBBBBBBBBBBB",
      "\x00\x42\x00\x00\x01\x00",
      "Bonjour à tous, grüße ☃\n",
    ]
  ) {
    const length = encoder.encode(text).length + frame.bytes.length;
    for (let i = 0; i < length; i++) {
      for (let j = i; j < length; j += 3) {
        assert.deepEqual(decode(text, frame, [i, j]), { ...wanted, banners: [text] });
      }
    }
  }
});

Deno.test("letters in front of a frame of any length never form a frame with it", () => {
  for (let length = 1; length < 1100; length++) {
    for (const text of ["B", "Bx", "Bxy", "Bxyz", "BBB", "B\n\n"]) {
      const { banners, frames } = decode(text, answer(length));
      assert.deepEqual([banners, frames.length], [[text], 1], `${text} ${length}`);
    }
  }
});

Deno.test("any printable text in any chunks is skipped", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 200 }),
      fc.integer({ min: 1, max: 70_000 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      (text, length, cuts) => {
        const { banners, frames } = decode(text, answer(length), cuts);
        assert.deepEqual(banners, text === "" ? [] : [text]);
        assert.deepEqual(frames, [Array.from(answer(length).bytes)]);
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

Deno.test("a packet may be the first frame behind a banner, if it is IPv4", () => {
  const packet = encodeFrame(FrameType.L3, new Uint8Array([0x45, ...new Uint8Array(19)]));
  assert.deepEqual(decode("hello\n", packet).frames, [Array.from(packet.bytes)]);
});

Deno.test("text up to the limit passes, one byte more is an error that shows it", () => {
  assert.equal(decode("x".repeat(1000)).frames.length, 1);
  assert.throws(() => decode("login: " + "x".repeat(994)), (error) => {
    assert.ok(error instanceof FrameError);
    assert.match(error.message, /no frame within the first 1000 bytes.*"login: x+"$/);
    return true;
  });
  // However much comes at once, the limit is what is told.
  assert.throws(
    () => new FrameDecoder().push(new Uint8Array(131_072).fill(0x78)),
    /no frame within the first 65536 bytes/,
  );
  const decoder = new FrameDecoder({ bannerLimit: 1000 });
  assert.throws(() => {
    for (let i = 0; i < 1020; i++) decoder.push(encoder.encode("B"));
  }, FrameError);
});

Deno.test("text of 64 KiB in single bytes is no burden", () => {
  const decoder = new FrameDecoder();
  const letter = encoder.encode("B");
  for (let i = 0; i < 65536; i++) decoder.push(letter);
  assert.equal(decoder.push(answer(9).bytes).length, 1);
});

Deno.test("an input of nothing but text is told at its end and is not a broken frame", () => {
  const banners: string[] = [];
  const decoder = new FrameDecoder({ onBanner: (text) => banners.push(text) });
  decoder.push(encoder.encode("sh: norouter: not found. Bye B"));
  assert.equal(decoder.banner, "sh: norouter: not found. Bye ");
  decoder.finish();
  assert.deepEqual(banners, ["sh: norouter: not found. Bye B"]);
});

Deno.test("text after the first frame is an error", () => {
  const decoder = new FrameDecoder();
  assert.equal(decoder.push(answer(5).bytes).length, 1);
  assert.throws(() => decoder.push(encoder.encode("goodbye!")), /byte 13: wrong magic/);
});

Deno.test("where no banner is allowed, text is an error at once", () => {
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  assert.throws(() => decoder.push(encoder.encode("Welcome!")), FrameError);
});

Deno.test("whether bytes are a frame or text does not depend on where they are cut", () => {
  const empty = encodeFrame(FrameType.L3, new Uint8Array()).bytes;
  const packet = encodeFrame(FrameType.L3, encoder.encode("E")).bytes;
  for (let at = 0; at <= empty.length; at++) {
    const decoder = new FrameDecoder();
    const pieces = [empty.slice(0, at), empty.slice(at)];
    assert.equal(
      pieces.flatMap((piece) => decoder.push(piece)).length,
      1,
      `cut at ${at}`,
    );
    decoder.finish();
    // One that lacks its last byte is broken off, not text.
    const broken = new FrameDecoder();
    for (const piece of [packet.slice(0, at), packet.slice(at, -1)]) broken.push(piece);
    assert.throws(() => broken.finish(), /ended inside a frame/, `cut at ${at}`);
  }
});
