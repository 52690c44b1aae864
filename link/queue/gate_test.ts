// A queue in front of which a window stands.
import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameDecoder } from "../../wire/decoder.ts";
import { encodeFrame, Frame, FrameType, HEADER_BYTES } from "../../wire/frame.ts";
import { addWords, foldChecksum } from "../../wire/ip/checksum.ts";
import { Protocol, readUint32, sourcePortOf } from "../../wire/ip/ipv4.ts";
import { Lease } from "../../wire/lease.ts";
import { controlFrame, packet } from "../../router/_test_packets.ts";
import { Sender } from "../sender.ts";
import type { Gate } from "./gate.ts";
import { LinkQueue } from "./queue.ts";

/** A window of a fixed size that acknowledges when the test says so. */
class FixedWindow implements Gate {
  frameBytes = 65_536;
  bytes: number;
  under = 0;
  isBlocked = false;
  isMoreWaiting = false;
  readonly times: number[] = [];

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  get room(): number {
    return this.bytes - this.under;
  }

  began(bytes: number): void {
    this.under += bytes;
  }

  sent(bytes: number, now: number, isMoreWaiting: boolean): void {
    this.under += bytes;
    this.isMoreWaiting = isMoreWaiting;
    this.times.push(now);
  }

  blocked(): void {
    this.isBlocked = true;
  }
}

/** A packet of `size` bytes with its frame and sound checksums. */
function frameOf(flow: number, seq: number, size: number, lease?: Lease): Frame {
  const bytes = packet({ fromPort: flow, seq, data: size - 48 });
  const view = new DataView(bytes.buffer);
  view.setUint16(10, foldChecksum(addWords(bytes, 0, 20)));
  const pseudo = addWords(bytes, 12, 20) + Protocol.TCP + bytes.length - 20;
  view.setUint16(36, foldChecksum(addWords(bytes, 20, bytes.length, pseudo)));
  return new Frame(encodeFrame(FrameType.L3, bytes).bytes, lease);
}

const creditOf = (value: number) =>
  encodeFrame(FrameType.CREDIT, new Uint8Array(12).fill(value));
const portIn = (frame: Frame) => sourcePortOf(frame.bytes, HEADER_BYTES);
const sizesOf = (frames: Frame[]) => frames.map(({ bytes }) => bytes.length);

function framesIn(writes: Uint8Array[]): Frame[] {
  const decoder = new FrameDecoder({ bannerLimit: 0 });
  const frames = writes.flatMap((write) => decoder.push(write));
  decoder.finish();
  return frames;
}

/** The two ways to take. */
const ways: Record<string, (queue: LinkQueue) => Frame[]> = {
  take: (queue) => framesIn(queue.take()),
  takeInto(queue) {
    const into = new Uint8Array(128 * 1024);
    return framesIn([into.slice(0, queue.takeInto(into))]);
  },
};

for (const [way, take] of Object.entries(ways)) {
  Deno.test(`${way}: packets go while there is room, and one may go over`, () => {
    let now = 5;
    const queue = new LinkQueue({ now: () => now });
    const window = new FixedWindow(3000);
    queue.setWindow(window);
    for (let seq = 0; seq < 10; seq++) queue.push(frameOf(1, seq, 1000));
    now = 7;
    assert.equal(take(queue).length, 3);
    assert.equal(window.under, 3000);
    assert.equal(window.isBlocked, true);
    assert.equal(window.isMoreWaiting, true);
    assert.equal(window.times.at(-1), 7);
    assert.deepEqual(take(queue), []);
    window.under = 2999;
    assert.equal(take(queue).length, 1);
    window.under = 0;
    window.bytes = 100_000;
    window.isBlocked = false;
    assert.equal(take(queue).length, 6);
    assert.equal(window.isMoreWaiting, false);
    assert.deepEqual(take(queue), []);
    assert.equal(window.isBlocked, false);
  });

  Deno.test(`${way}: control frames and the newest CREDIT go though there is no room`, () => {
    const queue = new LinkQueue();
    const window = new FixedWindow(0);
    queue.setWindow(window);
    queue.push(frameOf(1, 0, 1000));
    queue.push(controlFrame());
    for (const value of [1, 2, 3]) assert.ok(queue.push(creditOf(value)));
    const frames = take(queue);
    assert.deepEqual(frames.map(({ type }) => type), [FrameType.CREDIT, FrameType.JSON]);
    assert.equal(frames[0]!.payload[0], 3);
    assert.equal(window.under, frames[1]!.bytes.length, "CREDIT does not count");
    assert.equal(queue.length, 1);
    const { pushed, taken, dropped } = queue.counters;
    assert.deepEqual([pushed, taken, dropped], [3, 2, 0]);
  });

  Deno.test(`${way}: a window is told of what was taken before it was there`, () => {
    const queue = new LinkQueue();
    queue.push(frameOf(1, 0, 1000));
    queue.push(creditOf(1));
    queue.push(controlFrame());
    const bytes = take(queue).reduce((sum, frame) => sum + frame.bytes.length, 0);
    const window = new FixedWindow(5000);
    queue.setWindow(window);
    assert.equal(window.under, bytes - 20);
  });

  Deno.test(`${way}: a large packet is cut when its turn comes, as the window is then`, () => {
    const queue = new LinkQueue();
    const window = new FixedWindow(1);
    queue.setWindow(window);
    const sender = new Sender("host");
    let isReleased = false;
    const lease = new Lease(() => isReleased = true);
    queue.push(frameOf(1, 0, 65_000, lease), sender);
    lease.drop();
    assert.equal(isReleased, false);
    window.frameBytes = 1400;
    const [first] = take(queue);
    assert.ok(first!.bytes.length <= 1400);
    assert.equal(isReleased, true, "pieces are copies");
    assert.equal(queue.counters.cut, 1);
    queue.push(frameOf(2, 0, 100), sender);
    window.under = 0;
    window.bytes = 1500;
    const next = take(queue);
    // A new flow waits for what is left of one quantum.
    assert.deepEqual(next.map(portIn), [1, 2, 1]);
    window.bytes = 1e6;
    let taken = first!.bytes.length +
      next.reduce((sum, { bytes }) => sum + bytes.length, 0);
    while (queue.length > 0) {
      for (const { bytes } of take(queue)) taken += bytes.length;
    }
    assert.equal(sender.weight, 0);
    assert.equal(queue.bytes, 0);
    assert.equal(taken, queue.counters.takenBytes);
  });

  Deno.test(`${way}: a packet a little over, or that cannot be cut, goes whole`, () => {
    const queue = new LinkQueue();
    const window = new FixedWindow(1e6);
    window.frameBytes = 1400;
    queue.setWindow(window);
    queue.push(frameOf(1, 0, 1460));
    assert.deepEqual(sizesOf(take(queue)), [1460]);
    const damaged = frameOf(1, 0, 20_000);
    damaged.bytes[9000]! ^= 1;
    queue.push(damaged);
    assert.deepEqual(take(queue).map(({ bytes }) => bytes), [damaged.bytes]);
    assert.equal(queue.counters.cut, 0);
  });

  Deno.test(`${way}: a closed queue does not wait for the window`, () => {
    const queue = new LinkQueue();
    const window = new FixedWindow(0);
    queue.setWindow(window);
    for (let seq = 0; seq < 5; seq++) queue.push(frameOf(1, seq, 1000));
    assert.deepEqual(take(queue), []);
    queue.close();
    assert.equal(take(queue).length, 5);
    assert.equal(queue.push(creditOf(1)), false);
    assert.ok(queue.isOver());
  });
}

Deno.test("a writer that found no room goes on when the window has opened", async () => {
  const writes: Uint8Array[] = [];
  const queue = new LinkQueue();
  const window = new FixedWindow(1000);
  queue.setWindow(window);
  const draining = queue.drain(
    new WritableStream({ write: (chunk) => void writes.push(chunk) }),
  );
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve));
  for (let seq = 0; seq < 5; seq++) queue.push(frameOf(1, seq, 1000));
  await settle();
  assert.equal(framesIn(writes).length, 1);
  window.under = 0;
  window.bytes = 2000;
  await settle();
  assert.equal(framesIn(writes).length, 1);
  queue.opened();
  await settle();
  assert.equal(framesIn(writes).length, 3);
  queue.close();
  await draining;
  assert.equal(framesIn(writes).length, 5);
});

Deno.test("a sparse flow waits for one short frame of each bulk flow", () => {
  const queue = new LinkQueue();
  const window = new FixedWindow(1);
  window.frameBytes = 1400;
  queue.setWindow(window);
  for (let seq = 0; seq < 20; seq++) {
    for (const flow of [1, 2, 3]) queue.push(frameOf(flow, seq, 65_000));
  }
  for (let i = 0; i < 50; i++) {
    window.under = 0;
    queue.take();
  }
  queue.push(frameOf(9, 0, 100));
  let before = 0;
  for (;;) {
    window.under = 0;
    const [frame] = framesIn(queue.take());
    if (portIn(frame!) === 9) break;
    before += frame!.bytes.length;
  }
  assert.ok(before <= 1500, `${before} bytes went before it`);
});

Deno.test("bulk flows share by bytes where frames are cut", () => {
  const queue = new LinkQueue();
  const window = new FixedWindow(1);
  window.frameBytes = 3000;
  queue.setWindow(window);
  const got = new Map<number, number>();
  for (let seq = 0; seq < 400; seq++) queue.push(frameOf(1, seq, 1400));
  for (let seq = 0; seq < 10; seq++) queue.push(frameOf(2, seq, 65_000));
  for (let i = 0; i < 200; i++) {
    window.under = 0;
    for (const frame of framesIn(queue.take())) {
      got.set(portIn(frame), (got.get(portIn(frame)) ?? 0) + frame.bytes.length);
    }
  }
  const [one, two] = [got.get(1)!, got.get(2)!];
  assert.ok(Math.abs(one - two) < 10_000, `${one} and ${two}`);
});

Deno.test("whatever the window does, every flow's bytes come whole and in order", () => {
  const push = fc.tuple(fc.nat({ max: 5 }), fc.constantFrom(48, 1500, 20_000, 65_536));
  const turn = fc.record({
    room: fc.constantFrom(-100, 0, 1, 3000, 50_000, 1e6),
    cap: fc.constantFrom(1400, 5000, 30_000, 65_536),
    most: fc.constantFrom(500, 20_000, 131_072),
  });
  const steps = fc.array(fc.oneof(push, push, turn), { minLength: 20, maxLength: 120 });
  fc.assert(
    fc.property(steps, (plan) => {
      const queue = new LinkQueue();
      const window = new FixedWindow(0);
      queue.setWindow(window);
      const next = new Map<number, number>();
      const got = new Map<number, number>();
      let sent = 0;
      const take = ({ room, cap, most }: { room: number; cap: number; most: number }) => {
        [window.under, window.bytes, window.frameBytes] = [0, room, cap];
        const frames = framesIn(queue.take(most));
        const bytes = frames.reduce((sum, each) => sum + each.bytes.length, 0);
        assert.equal(window.under, bytes);
        assert.ok(bytes === 0 ? room <= 0 || queue.length === 0 : bytes < room + 65_596);
        for (const frame of frames) {
          const flow = portIn(frame);
          assert.equal(readUint32(frame.bytes, 32), got.get(flow) ?? 0);
          assert.ok(frame.bytes.length <= cap + 60);
          got.set(flow, (got.get(flow) ?? 0) + frame.bytes.length - 48);
        }
      };
      for (const step of plan) {
        if (!Array.isArray(step)) {
          take(step);
          continue;
        }
        const [flow, size] = step;
        queue.push(frameOf(flow, next.get(flow) ?? 0, size));
        next.set(flow, (next.get(flow) ?? 0) + size - 48);
        sent += size;
      }
      while (queue.length > 0) take({ room: 1e6, cap: 1400, most: 131_072 });
      for (const [flow, bytes] of next) assert.equal(got.get(flow) ?? 0, bytes);
      assert.equal(queue.bytes, 0);
      assert.ok(queue.counters.takenBytes >= sent);
    }),
    { seed: 12, numRuns: 300 },
  );
});
