import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, Frame, FrameType, HEADER_BYTES } from "../../wire/frame.ts";
import { addWords, foldChecksum } from "../../wire/ip/checksum.ts";
import { Protocol, readUint16, readUint32, TcpFlag } from "../../wire/ip/ipv4.ts";
import {
  hasValidChecksums,
  packet,
  type PacketSpec,
} from "../../router/_test_packets.ts";
import { cut } from "./cut.ts";

const PSH = 0x08;
const URG = 0x20;
const ECE = 0x40;
const CWR = 0x80;

/** Fills data and options with bytes that differ, and both checksums in. */
function sound(bytes: Uint8Array, options = 0, seed = 1): Uint8Array {
  const header = 20 + options;
  const data = header + 20 + options;
  let state = seed;
  for (let i = data; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 24;
  }
  bytes.fill(1, 20, header).fill(1, header + 20, data);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(4, 4711);
  view.setUint16(10, 0);
  view.setUint16(10, foldChecksum(addWords(bytes, 0, header)));
  view.setUint16(header + 16, 0);
  const pseudo = addWords(bytes, 12, 20) + Protocol.TCP + bytes.length - header;
  const sum = foldChecksum(addWords(bytes, header, bytes.length, pseudo));
  view.setUint16(header + 16, sum);
  return bytes;
}

/** A frame at an address of any remainder, with bytes of others around it. */
function placed(payload: Uint8Array, at = 0): Frame {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length + at + 3).fill(0xee);
  const frame = encodeFrame(FrameType.L3, payload).bytes;
  bytes.set(frame, at);
  return new Frame(bytes.subarray(at, at + frame.length));
}

function segment(spec: PacketSpec = {}): Uint8Array {
  return sound(packet(spec), spec.options);
}

function flagsIn({ payload }: Frame, options = 0): number {
  return payload[20 + options + 13]!;
}

Deno.test("the pieces of a segment are sound, small, in order, and the same bytes", () => {
  const shape = fc.record({
    data: fc.integer({ min: 1, max: 65_000 }),
    options: fc.constantFrom(0, 4, 12, 40),
    seq: fc.constantFrom(0, 1000, 2 ** 32 - 30_000),
    flags: fc.constantFrom(0, PSH, TcpFlag.FIN, TcpFlag.FIN | PSH, ECE | CWR),
    most: fc.integer({ min: 300, max: 66_000 }),
    at: fc.nat({ max: 7 }),
  });
  fc.assert(
    fc.property(shape, ({ data, options, seq, flags, most, at }) => {
      flags |= TcpFlag.ACK;
      const whole = segment({ data, options, seq, flags });
      assert.ok(hasValidChecksums(whole));
      const frame = placed(whole, at);
      const kept = frame.bytes.slice();
      const pieces = cut(frame, most);
      assert.deepEqual(frame.bytes, kept);
      if (frame.bytes.length <= most) return assert.equal(pieces, undefined);
      const headers = 40 + 2 * options;
      const got = new Uint8Array(data);
      let length = 0;
      for (const [i, piece] of pieces!.entries()) {
        const { payload } = piece;
        assert.ok(piece.bytes.length <= most, `${piece.bytes.length} of ${most}`);
        assert.equal(piece.type, FrameType.L3);
        assert.equal(readUint16(piece.bytes, 2) + 4, piece.bytes.length);
        assert.equal(readUint16(payload, 2), payload.length);
        assert.equal(readUint16(payload, 6), 0x4000);
        assert.ok(hasValidChecksums(payload));
        assert.equal(readUint32(payload, 20 + options + 4), (seq + length) % 2 ** 32);
        const isLast = i === pieces!.length - 1;
        const here = flags & (isLast ? -1 : ~(TcpFlag.FIN | PSH)) & (i > 0 ? ~CWR : -1);
        assert.equal(flagsIn(piece, options), here);
        assert.deepEqual(
          payload.subarray(20 + options + 20, headers),
          whole.subarray(20 + options + 20, headers),
        );
        got.set(payload.subarray(headers), length);
        length += payload.length - headers;
      }
      assert.equal(length, data);
      assert.deepEqual(got, whole.subarray(headers));
    }),
    { seed: 12, numRuns: 500 },
  );
});

Deno.test("a flipped bit anywhere leaves the segment whole, for the receiver to find", () => {
  const whole = segment({ data: 4101, options: 4 });
  assert.equal(cut(placed(whole), 1400)!.length, 4);
  const bits = fc.nat({ max: whole.length * 8 - 1 });
  fc.assert(
    fc.property(bits, (bit) => {
      const bytes = whole.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(cut(placed(bytes), 1400), undefined, `bit ${bit}`);
    }),
    { seed: 12, numRuns: 2000 },
  );
});

Deno.test("what is no plain data of TCP stays whole", () => {
  const data = 4000;
  const whole: Record<string, Uint8Array> = {
    "SYN": segment({ data, flags: TcpFlag.SYN }),
    "RST": segment({ data, flags: TcpFlag.RST }),
    "URG": segment({ data, flags: TcpFlag.ACK | URG }),
    "a first fragment": segment({ data, fragment: 0x2000 }),
    "a later fragment": segment({ data, fragment: 0x0010 }),
    "UDP": segment({ data, protocol: Protocol.UDP }),
    "no data": segment({ options: 40 }),
  };
  for (const [name, bytes] of Object.entries(whole)) {
    assert.equal(cut(placed(bytes), 100), undefined, name);
  }
  assert.equal(cut(placed(segment({ data })), 60), undefined, "no room for data");
  const control = encodeFrame(FrameType.JSON, segment({ data }));
  assert.equal(cut(control, 1400), undefined);
});

Deno.test("lengths that do not fit together cut nothing", () => {
  const spoil: Record<string, (bytes: Uint8Array) => void> = {
    "longer than its frame": (bytes) => bytes[2] = 0xff,
    "shorter than its header": (bytes) => bytes.fill(0, 2, 4),
    "a short header of IP": (bytes) => bytes[0] = 0x44,
    "another version": (bytes) => bytes[0] = 0x65,
    "a short header of TCP": (bytes) => bytes[32] = 0x40,
    "a header of TCP that is longer than all": (bytes) => {
      bytes[32] = 0xf0;
      bytes[3] = 70;
      bytes[2] = 0;
    },
  };
  for (const [name, change] of Object.entries(spoil)) {
    const bytes = segment({ data: 4000 });
    change(bytes);
    assert.equal(cut(placed(bytes), 1400), undefined, name);
  }
});

Deno.test("bytes behind the packet do not come along", () => {
  const whole = segment({ data: 3000 });
  const padded = new Uint8Array(whole.length + 500).fill(7);
  padded.set(whole);
  const pieces = cut(placed(padded), 1400)!;
  assert.equal(pieces.reduce((sum, { payload }) => sum + payload.length - 40, 0), 3000);
});

Deno.test("pieces lie side by side, so that they are written as one", () => {
  const pieces = cut(placed(segment({ data: 65_000 })), 8000)!;
  assert.equal(pieces.length, 9);
  for (const [i, { bytes }] of pieces.slice(1).entries()) {
    const before = pieces[i]!.bytes;
    assert.equal(bytes.buffer, before.buffer);
    assert.equal(bytes.byteOffset, before.byteOffset + before.length);
  }
});
