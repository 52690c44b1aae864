import assert from "node:assert/strict";
import { encodeFrame, FrameType, MAX_PAYLOAD, writeHeader } from "./frame.ts";

Deno.test("a frame is header and payload, big-endian", () => {
  const payload = new Uint8Array(0x010203 - 4);
  payload[0] = 0x45;
  const frame = encodeFrame(FrameType.L3, payload);
  assert.deepEqual(
    Array.from(frame.bytes.subarray(0, 9)),
    [0x42, 1, 2, 3, 0, 1, 0, 0, 0x45],
  );
  assert.equal(frame.type, FrameType.L3);
  assert.equal(frame.payload.length, payload.length);
});

Deno.test("a header is written where it is wanted, over what was there", () => {
  const into = new Uint8Array(12).fill(0xff);
  writeHeader(into, 2, 0x1234, 0);
  assert.deepEqual(
    Array.from(into),
    [0xff, 0xff, 0x42, 0, 0, 4, 0x12, 0x34, 0, 0, 0xff, 0xff],
  );
});

Deno.test("the largest payload fits the length field and one byte more is refused", () => {
  const header = new Uint8Array(8);
  writeHeader(header, 0, FrameType.JSON, MAX_PAYLOAD);
  assert.deepEqual(Array.from(header), [0x42, 0xff, 0xff, 0xff, 0, 2, 0, 0]);
  assert.throws(() => writeHeader(header, 0, FrameType.JSON, MAX_PAYLOAD + 1), {
    name: "RangeError",
    message: "Cannot frame 16777212 bytes: a frame carries at most 16777211",
  });
});
