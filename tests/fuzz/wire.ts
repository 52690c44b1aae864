/**
 * The streams of frames: text before them, any lengths and types, any cutting.
 *
 * The decoder's two ways (`push`, and `scan` under `decode`) and an agent have to find
 * the frames that a naive reader of the whole stream finds, and give up at the same
 * frame.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { runAgent } from "../../agent/agent.ts";
import type { AgentPort } from "../../agent/link/port.ts";
import { decode } from "../../link/decode.ts";
import { decodeControl } from "../../wire/control/control.ts";
import { FrameDecoder, FrameError } from "../../wire/decoder.ts";
import { encodeFrame, FrameType } from "../../wire/frame.ts";
import { bytesOf, cut, cuts, type Edit, edited, editsOf, textOf } from "./_pieces.ts";
import type { FuzzTarget } from "./target.ts";

interface FramePlan {
  readonly type: number;
  /** Bytes of payload. */
  readonly size: number;
  /** The byte that fills the payload; the first byte is the one its type demands. */
  readonly fill: number;
}

interface WireCase {
  /** Text before the first frame, as latin1. */
  readonly banner: string;
  readonly frames: readonly FramePlan[];
  /** Changes to the finished stream. */
  readonly edits: readonly Edit[];
  readonly cuts: readonly number[];
}

/** A reader's result for a stream. */
interface Reading {
  readonly frames: string[];
  /** Whether the reader gave up, or the input ended inside of a frame. */
  readonly bad: boolean;
}

const BANNER_LIMIT = 1024;
/** Sizes at which a decoder changes its ways: copied, in place, larger than a buffer. */
const EDGES = [0, 1, 2, 255, 256, 32_760, 32_768, 65_535, 262_136, 262_144, 330_000];
const HEADERS = [
  "B\0\0\x04\0\x01\0\0",
  "B\0\0\x06\0\x02\0\0{}",
  "B",
  "\0\0",
  "B\xff\xff\xff",
];

const size = fc.oneof(
  { weight: 60, arbitrary: fc.nat(300) },
  { weight: 1, arbitrary: fc.constantFrom(...EDGES) },
);
const type = fc.oneof(
  { weight: 3, arbitrary: fc.constant(FrameType.L3) },
  { weight: 3, arbitrary: fc.constant(FrameType.JSON) },
  { weight: 1, arbitrary: fc.nat(65_535) },
);
const banner = fc.oneof(
  { weight: 2, arbitrary: fc.constant("") },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.constantFrom(
        "B",
        "Bye ",
        "\r\n",
        "{",
        "Last login: B\n",
        "\x1b[0m",
        "é",
        "\x01",
        "\x02",
      ),
      { maxLength: 20 },
    ).map((parts) => parts.join("")),
  },
);

function streamOf({ banner, frames, edits }: WireCase): Uint8Array<ArrayBuffer> {
  const parts = frames.map(({ type, size, fill }) => {
    const payload = new Uint8Array(size).fill(fill);
    if (size > 0) payload[0] = type === FrameType.L3 ? 0x45 : 0x7b;
    return textOf(encodeFrame(type, payload).bytes);
  });
  return bytesOf(edited(banner + parts.join(""), edits));
}

/** The naive reader: the whole stream at once, without a banner. */
function naive(stream: Uint8Array): Reading {
  const frames: string[] = [];
  let at = 0;
  while (stream.length - at >= 8) {
    const length = stream[at + 1]! * 65536 + stream[at + 2]! * 256 + stream[at + 3]!;
    if (stream[at] !== 0x42 || length < 4) return { frames, bad: true };
    if (stream.length - at < 4 + length) break;
    frames.push(textOf(stream.subarray(at, at + 4 + length)));
    at += 4 + length;
  }
  return { frames, bad: at < stream.length };
}

/** The result of a way to decode; `error` is the fault without the bytes it shows. */
interface Decoded extends Reading {
  readonly error: string;
  readonly banner: string;
}

async function decodedBy(
  read: (
    decoder: FrameDecoder,
    take: (bytes: Uint8Array) => void,
  ) => void | Promise<void>,
  bannerLimit: number,
): Promise<Decoded> {
  const frames: string[] = [];
  const banners: string[] = [];
  const decoder = new FrameDecoder({
    bannerLimit,
    onBanner: (text) => banners.push(text),
  });
  let error = "";
  try {
    await read(decoder, (bytes) => frames.push(textOf(bytes)));
  } catch (thrown) {
    if (!(thrown instanceof FrameError)) throw thrown;
    // The number of bytes in the message depends on the cutting.
    error = /at byte \d+: [a-z ]+/.exec(thrown.message)?.[0] ?? thrown.message;
  }
  assert.ok(banners.length <= 1, "the banner is told more than once");
  return { frames, bad: error !== "", error, banner: banners.join("") };
}

/** A stream of these chunks; with a BYOB reader if `isBytes`. */
function readableOf(pieces: readonly Uint8Array<ArrayBuffer>[], isBytes: boolean) {
  const left = pieces.map((piece) => piece.slice());
  if (!isBytes) return ReadableStream.from(left);
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const next = left.shift();
      if (next) return controller.enqueue(next);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

async function decodeAll(
  pieces: readonly Uint8Array<ArrayBuffer>[],
  isBytes: boolean,
  limit: number,
): Promise<Decoded> {
  return await decodedBy(async (decoder, take) => {
    for await (const frames of decode(readableOf(pieces, isBytes), decoder)) {
      for (const frame of frames) take(frame.bytes);
    }
  }, limit);
}

async function pushAll(
  pieces: readonly Uint8Array<ArrayBuffer>[],
  limit: number,
): Promise<Decoded> {
  return await decodedBy((decoder, take) => {
    for (const piece of pieces) {
      for (const frame of decoder.push(piece.slice())) take(frame.bytes);
    }
    decoder.finish();
  }, limit);
}

/** A fault may cost the frames before it that came in the same piece, and nothing else. */
function assertSame(one: Decoded, whole: Decoded, way: string): void {
  assert.equal(one.error, whole.error, `${way}: another fault`);
  assert.equal(one.banner, whole.banner, `${way}: another banner`);
  const shared = Math.min(one.frames.length, whole.frames.length);
  const wanted = one.bad ? whole.frames.slice(0, shared) : whole.frames;
  assertFrames(
    { ...one, frames: one.bad ? one.frames.slice(0, shared) : one.frames },
    wanted,
    way,
  );
}

function assertFrames(one: Reading, wanted: readonly string[], way: string): void {
  const expected = one.bad ? wanted.slice(0, one.frames.length) : wanted;
  assert.ok(
    one.frames.length === expected.length &&
      one.frames.every((frame, index) => frame === expected[index]),
    `${way}: ${one.frames.length} frames, wanted ${wanted.length}, or other bytes`,
  );
}

/** Complaints that an agent makes in any case; of more, some may be left out. */
const TOLD = 10;

/** An agent's complaints about the control messages of a stream: none makes sense. */
async function toldByAgent(pieces: readonly Uint8Array<ArrayBuffer>[]): Promise<Reading> {
  const left = pieces.map((piece) => piece.slice());
  const port: AgentPort = {
    // deno-lint-ignore require-await
    async read(into) {
      const next = left[0];
      if (!next) return null;
      const part = next.subarray(0, into.length);
      into.set(part);
      if (part.length === next.length) left.shift();
      else left[0] = next.subarray(part.length);
      return part.length;
    },
    write: () => Promise.resolve(),
    close() {},
  };
  const frames: string[] = [];
  const log = ({ message }: { message: string }) => {
    const fault = /makes no sense: ([^]*)$/.exec(message)?.[1];
    if (fault !== undefined) frames.push(fault);
  };
  try {
    await runAgent(port, { version: "fuzz", log });
    return { frames, bad: false };
  } catch (error) {
    if (!(error instanceof Error) || !/^Not a frame/.test(error.message)) throw error;
    return { frames, bad: true };
  }
}

/** The faults of a control message; none of a right message. */
function faultOf(payload: string): string[] {
  try {
    decodeControl(bytesOf(payload));
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

export const target: FuzzTarget<WireCase> = {
  name: "wire",
  cases: fc.record({
    banner,
    frames: fc.array(fc.record({ type, size, fill: fc.nat(255) }), { maxLength: 8 }),
    edits: fc.oneof(fc.constant([]), editsOf(HEADERS, 3)),
    cuts,
  }),
  async run(input) {
    const stream = streamOf(input);
    const pieces = cut(stream, input.cuts);
    for (const limit of [0, BANNER_LIMIT]) {
      const whole = await pushAll(stream.length > 0 ? [stream] : [], limit);
      assertSame(await pushAll(pieces, limit), whole, "push");
      assertSame(await decodeAll(pieces, true, limit), whole, "bytes");
      assertSame(await decodeAll(pieces, false, limit), whole, "chunks");
      if (limit === 0) {
        const expected = naive(stream);
        assert.equal(
          whole.bad,
          expected.bad,
          "a fault, or none, against the naive reader",
        );
        assertFrames(whole, expected.frames, "the naive reader");
      }
    }
    const { banner, frames, edits } = input;
    const first = frames[0];
    const isClear = first !== undefined && first.size > 0 &&
      (first.type === FrameType.L3 && first.size <= 65_535 ||
        first.type === FrameType.JSON);
    if (edits.length === 0 && isClear) {
      // No zero is in the text, so no part can pass for a frame.
      const { frames: found, bad } = await pushAll(pieces, BANNER_LIMIT);
      assert.ok(!bad && found.length === frames.length, `${found.length} frames`);
    }
    if (banner !== "") return;
    const { frames: expected, bad } = naive(stream);
    const faults = expected.filter((frame) => frame.slice(4, 6) === "\0\x02")
      .flatMap((frame) => faultOf(frame.slice(8)));
    const agent = await toldByAgent(pieces);
    const told = { ...agent, frames: agent.frames.slice(0, TOLD) };
    assertFrames(told, faults.slice(0, TOLD), "the agent");
    // The end of the input in the middle of a frame is an end like another there.
    assert.ok(!agent.bad || bad, "the agent refuses what is right");
  },
};
