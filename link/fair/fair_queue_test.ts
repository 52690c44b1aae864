import assert from "node:assert/strict";
import fc from "fast-check";
import type { Frame } from "../../wire/frame.ts";
import { packetFrame } from "../../router/_test_packets.ts";
import { ENTRY_BYTES } from "./backlog.ts";
import { FairQueue } from "./fair_queue.ts";
import { QUANTUM_BYTES } from "./rounds.ts";
import { sourcePortOf } from "../../wire/ip/ipv4.ts";

/** A packet of a flow, told by its port. */
function frameOf(flow: number, seq: number, size: number): Frame {
  return packetFrame({ fromPort: flow, seq, data: Math.max(0, size - 48) });
}

const flowIn = (frame: Frame) => sourcePortOf(frame.bytes, 8);
const seqIn = (frame: Frame) => new DataView(frame.bytes.buffer).getUint32(32);

function* drained(queue: FairQueue): Generator<Frame> {
  for (let frame = queue.shift(); frame !== undefined; frame = queue.shift()) yield frame;
}

Deno.test("random traffic keeps order within each flow and the sums right", () => {
  const step = fc.tuple(
    fc.constantFrom("push", "push", "push", "shift", "shiftLongest"),
    fc.nat({ max: 20 }),
    fc.constantFrom(48, 56, 1500, 65536),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat(), (steps, seed) => {
      const queue = new FairQueue(seed);
      const waiting = new Map<number, number[]>();
      let [seq, bytes, length] = [0, 0, 0];
      for (const [what, flow, size] of steps) {
        if (what === "push") {
          queue.push(frameOf(flow, ++seq, size));
          waiting.set(flow, [...waiting.get(flow) ?? [], seq]);
          bytes += size;
          length++;
        } else {
          const frame = what === "shift" ? queue.shift() : queue.shiftLongest();
          assert.equal(frame === undefined, length === 0);
          if (frame === undefined) continue;
          assert.equal(waiting.get(flowIn(frame))!.shift(), seqIn(frame));
          bytes -= frame.bytes.length;
          length--;
        }
        assert.deepEqual([queue.bytes, queue.length], [bytes, length]);
        assert.equal(queue.weight, bytes + length * ENTRY_BYTES);
      }
      assert.equal([...drained(queue)].length, length);
      assert.equal(queue.weight, 0);
    }),
    { seed: 17, numRuns: 200 },
  );
});

Deno.test("flows that always have something to send get the same share of bytes", () => {
  const queue = new FairQueue(0);
  const sizes = [48, 1500, 65536, 20_000];
  const sent = new Map<number, number>();
  const refill = (flow: number) => queue.push(frameOf(flow, 0, sizes[flow]!));
  for (let flow = 0; flow < 4; flow++) {
    for (let i = 0; i < 3; i++) refill(flow);
  }
  for (let total = 0; total < 20_000_000;) {
    const frame = queue.shift()!;
    total += frame.bytes.length;
    sent.set(flowIn(frame), (sent.get(flowIn(frame)) ?? 0) + frame.bytes.length);
    refill(flowIn(frame));
  }
  const shares = [...sent.values()];
  assert.equal(shares.length, 4);
  // Fair to within a turn and a frame each.
  assert.ok(
    Math.max(...shares) - Math.min(...shares) <= 2 * QUANTUM_BYTES + 65536,
    `${shares}`,
  );
});

Deno.test("a frame of a quiet flow goes before all that waits of bulk flows", () => {
  const queue = new FairQueue(0);
  for (let i = 0; i < 100; i++) {
    for (let flow = 1; flow <= 8; flow++) queue.push(frameOf(flow, i, 65536));
  }
  // Each bulk flow has had the one turn it gets for being new.
  for (let i = 0; i < 20; i++) queue.shift();
  queue.push(frameOf(999, 0, 56));
  assert.equal(flowIn(queue.shift()!), 999);
});

Deno.test("a quiet flow that comes again and again waits at most one turn of each other", () => {
  const queue = new FairQueue(0);
  const BULK = 8;
  for (let i = 0; i < 400; i++) {
    for (let flow = 1; flow <= BULK; flow++) queue.push(frameOf(flow, i, 65536));
  }
  for (let i = 0; i < 20; i++) queue.shift();
  let worst = 0;
  for (let i = 0; i < 200; i++) {
    queue.push(frameOf(999, i, 56));
    let before = 0;
    for (let frame = queue.shift()!; flowIn(frame) !== 999; frame = queue.shift()!) {
      before += frame.bytes.length;
    }
    worst = Math.max(worst, before);
    for (let j = 0; j < i % 12; j++) queue.shift();
  }
  assert.ok(worst <= BULK * QUANTUM_BYTES, `${worst} bytes went before it`);
});

Deno.test("a stream of ever new flows does not starve one that waits", () => {
  const queue = new FairQueue(0);
  for (let i = 0; i < 3; i++) queue.push(frameOf(1, i, 65536));
  queue.shift();
  let shifts = 0;
  let left = 2;
  for (let flow = 2; left > 0 && shifts < 5000; flow++) {
    queue.push(frameOf(flow, 0, 1500));
    queue.push(frameOf(flow + 30_000, 0, 1500)); // more comes than goes
    if (flowIn(queue.shift()!) === 1) left--;
    shifts++;
  }
  assert.equal(left, 0);
});

Deno.test("the longest flow loses its oldest frame", () => {
  const queue = new FairQueue(0);
  queue.push(frameOf(1, 1, 65536));
  for (let i = 0; i < 3; i++) queue.push(frameOf(2, i, 60_000));
  for (let i = 0; i < 114; i++) queue.push(frameOf(3, i, 48));
  const lost = Array.from({ length: 3 }, () => queue.shiftLongest()!);
  // 183 072 weigh most, then 122 048; 114 small ones weigh 160 more.
  assert.deepEqual(lost.map((frame) => [flowIn(frame), seqIn(frame)]), [[2, 0], [3, 0], [
    2,
    1,
  ]]);
});

Deno.test("an empty queue has nothing to give", () => {
  assert.equal(new FairQueue(0).shift(), undefined);
  assert.equal(new FairQueue(0).shiftLongest(), undefined);
});
