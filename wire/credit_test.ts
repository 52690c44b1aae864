import assert from "node:assert/strict";
import fc from "fast-check";
import { CREDIT_FRAME_BYTES, CreditError, decodeCredit, encodeCredit } from "./credit.ts";
import { FrameDecoder } from "./decoder.ts";
import { encodeFrame, FrameType } from "./frame.ts";

Deno.test("a credit is a frame of type 3: eight bytes taken, four of how often", () => {
  const frame = encodeCredit({ taken: 0x01_0203_0405_0607, every: 0xf0e0d0c0 });
  assert.deepEqual(Array.from(frame.bytes), [
    ...[0x42, 0, 0, 16, 0, 3, 0, 0],
    ...[0, 1, 2, 3, 4, 5, 6, 7],
    ...[0xf0, 0xe0, 0xd0, 0xc0],
  ]);
  assert.equal(frame.bytes.length, CREDIT_FRAME_BYTES);
  assert.equal(frame.type, FrameType.CREDIT);
});

Deno.test("every credit comes back as it was sent", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(2 ** 32 - 1), (taken, every) => {
      const credit = { taken, every };
      assert.deepEqual(decodeCredit(encodeCredit(credit).payload), credit);
    }),
    { seed: 42, numRuns: 500 },
  );
});

Deno.test("a credit that does not fit is not sent", () => {
  for (const taken of [-1, 0.5, NaN, 2 ** 53]) {
    assert.throws(() => encodeCredit({ taken, every: 1 }), RangeError);
  }
  for (const every of [-1, 0.5, NaN, 2 ** 32]) {
    assert.throws(() => encodeCredit({ taken: 1, every }), RangeError);
  }
});

Deno.test("a credit of another length, or beyond exact numbers, is refused", () => {
  for (const length of [0, 11, 13]) {
    assert.throws(() => decodeCredit(new Uint8Array(length)), {
      name: "CreditError",
      message: `Cannot read a credit of ${length} bytes: wanted 12`,
    });
  }
  assert.throws(
    () => decodeCredit(new Uint8Array(12).fill(0xff)),
    (error) =>
      error instanceof CreditError && /high half is 4294967295/.test(error.message),
  );
});

Deno.test("decoders let credits through, whole or in pieces, between other frames", () => {
  const packet = encodeFrame(FrameType.L3, new Uint8Array(20).fill(0x45));
  const credit = encodeCredit({ taken: 1000, every: 0 });
  const stream = [...packet.bytes, ...credit.bytes, ...packet.bytes];
  for (let cut = 0; cut <= stream.length; cut++) {
    const decoder = new FrameDecoder();
    const frames = [
      ...decoder.push(new Uint8Array(stream.slice(0, cut))),
      ...decoder.push(new Uint8Array(stream.slice(cut))),
    ];
    decoder.finish();
    assert.deepEqual(frames.map((frame) => frame.type), [1, 3, 1]);
  }
});
