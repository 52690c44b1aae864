import assert from "node:assert/strict";
import type { Frame } from "../../wire/frame.ts";
import { sourcePortOf } from "../../wire/ip/ipv4.ts";
import { packetFrame } from "../../router/_test_packets.ts";
import { ENTRY_BYTES } from "./backlog.ts";
import { LinkQueue } from "../queue/queue.ts";
import { Sender } from "../sender.ts";
import { SenderQueue } from "./sender_queue.ts";

const [noisy, quiet] = [new Sender("noisy"), new Sender("quiet")];

/** A packet of `size` bytes with its frame. */
function frameOf(fromPort: number, size = 72): Frame {
  return packetFrame({ fromPort, data: size - 48 });
}

function drain(queue: SenderQueue): Frame[] {
  const frames: Frame[] = [];
  for (let frame = queue.shift(); frame !== undefined; frame = queue.shift()) {
    frames.push(frame);
  }
  return frames;
}

Deno.test("a host with a thousand flows gets no more turns than one with a single flow", () => {
  const queue = new SenderQueue(0);
  for (let i = 0; i < 8000; i++) queue.push(frameOf(1024 + i % 1000, 1500), noisy);
  for (let i = 0; i < 2000; i++) queue.push(frameOf(1, 1500), quiet);
  let ofQuiet = 0;
  for (let i = 0; i < 4000; i++) {
    if (sourcePortOf(queue.shift()!.bytes, 8) === 1) ofQuiet++;
  }
  assert.ok(Math.abs(ofQuiet - 2000) < 100, `${ofQuiet} of 4000`);
  drain(queue);
  assert.deepEqual([noisy.weight, quiet.weight], [0, 0]);
});

Deno.test("a packet of a host that sends little waits for one quantum of the others", () => {
  const queue = new SenderQueue(0);
  for (let i = 0; i < 8000; i++) queue.push(frameOf(i), noisy);
  for (let i = 0; i < 100; i++) queue.shift();
  queue.push(frameOf(9), quiet);
  let before = 0;
  while (sourcePortOf(queue.shift()!.bytes, 8) !== 9) before++;
  assert.ok(before <= 65536 / 72 + 1, `${before} packets went before`);
  drain(queue);
});

Deno.test("what is dropped is of the host that weighs most", () => {
  const queue = new SenderQueue(0);
  for (let i = 0; i < 1000; i++) queue.push(frameOf(1024 + i), noisy);
  // The longest flow of all, of a host that has less.
  for (let i = 0; i < 100; i++) queue.push(frameOf(1), quiet);
  for (let i = 0; i < 900; i++) {
    assert.notEqual(sourcePortOf(queue.shiftLongest()!.bytes, 8), 1);
  }
  assert.equal(noisy.weight, 100 * (72 + ENTRY_BYTES));
  assert.equal(quiet.weight, 100 * (72 + ENTRY_BYTES));
  assert.equal(drain(queue).length, 200);
  assert.equal(queue.weight, 0);
});

Deno.test("a host cannot fill the queues of all others at once", () => {
  const rogue = new Sender("rogue");
  const queues = Array.from({ length: 10 }, () => new LinkQueue());
  for (const queue of queues) {
    for (let i = 0; i < 600; i++) queue.push(frameOf(i, 65_535), rogue);
  }
  const waiting = queues.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(waiting <= 128 << 20, `${waiting} bytes wait`);
  assert.ok(waiting > 120 << 20);
  assert.ok(rogue.weight <= 128 << 20);
  // Each still takes what others send.
  for (const queue of queues) queue.push(frameOf(1), quiet);
  assert.equal(quiet.weight, 10 * (72 + ENTRY_BYTES));
  for (const queue of queues) queue.discard();
  assert.deepEqual([rogue.weight, quiet.weight], [0, 0]);
});

Deno.test("pieces stand in the place of their frame, and weigh what they weigh", () => {
  const queue = new SenderQueue(0);
  for (const size of [9000, 8000]) queue.push(frameOf(1, size), noisy);
  queue.push(frameOf(2, 100), quiet);
  const first = queue.peek()!;
  const pieces = [3000, 2999, 2998].map((size) => frameOf(1, size));
  queue.replace(pieces);
  assert.equal(queue.peek(), pieces[0]);
  assert.notEqual(queue.peek(), first);
  assert.deepEqual([queue.length, queue.bytes], [5, 17_097]);
  assert.equal(noisy.weight, 16_997 + 4 * ENTRY_BYTES);
  const ofNoisy = drain(queue).filter(({ bytes }) => sourcePortOf(bytes, 8) === 1);
  assert.deepEqual(ofNoisy.map(({ bytes }) => bytes.length), [3000, 2999, 2998, 8000]);
  assert.deepEqual([queue.length, queue.bytes], [0, 0]);
  assert.deepEqual([noisy.weight, quiet.weight], [0, 0]);
});
