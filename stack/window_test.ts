// Two stacks over a slow link with a window each way, as an agent uses its stack.
import assert from "node:assert/strict";
import { FrameType, HEADER_BYTES } from "../wire/frame.ts";
import { Network, type Node, receiveAll, sendAll } from "./_network.ts";
import { bytes, connected } from "./_pair.ts";
import type { TcpConnection } from "./tcp.ts";

const CREDIT_BYTES = 20;

/** The sizes of a link. */
interface Sizes {
  /** Bytes under way at the most, but for a write. */
  readonly window: number;
  /** What the stacks let wait, and put into a segment. */
  readonly limit: number;
  readonly segment: number;
  /** Bytes in a millisecond. */
  readonly rate: number;
  /** Bytes of each acknowledgement, unless it is late. */
  readonly every: number;
}

/** Milliseconds after which bytes are acknowledged in any case. */
const LATE = 5;

/** One direction: a sender that keeps its window, the wire, a receiver that acknowledges. */
class Direction {
  readonly #from: Node;
  readonly #sizes: Sizes;
  readonly #wire: Uint8Array[] = [];
  #sent = 0;
  #acknowledged = 0;
  #taken = 0;
  #told = 0;
  #waited = 0;
  #budget = 0;
  /** Most bytes that were under way. */
  peak = 0;

  constructor(from: Node, sizes: Sizes) {
    this.#from = from;
    this.#sizes = sizes;
    from.stack.limitOutput(sizes.limit, sizes.segment);
  }

  /** Writes as the window allows; a CREDIT frame goes in any case. */
  write(): void {
    const { stack } = this.#from;
    stack.dispatch();
    for (;;) {
      const isOpen = this.#sent - this.#acknowledged < this.#sizes.window;
      if (!isOpen && stack.waiting().credit === 0) return;
      const run = stack.takeOutput(!isOpen)?.slice();
      if (run === undefined) return;
      this.#sent += run.length - stack.creditTaken;
      this.peak = Math.max(this.peak, this.#sent - this.#acknowledged);
      stack.outputDone();
      for (let at = 0; at < run.length;) {
        const end = at + 4 + (run[at + 1]! << 16 | run[at + 2]! << 8 | run[at + 3]!);
        this.#wire.push(run.subarray(at, end));
        at = end;
      }
    }
  }

  /** What comes out of the wire in a millisecond goes to `to`, whose own way is `back`. */
  carry(to: Node, back: Direction): void {
    const { rate } = this.#sizes;
    this.#budget = Math.min(this.#budget, 0) + rate;
    while (this.#budget > 0 && this.#wire.length > 0) {
      const frame = this.#wire.shift()!;
      this.#budget -= frame.length;
      if (frame[5] === FrameType.CREDIT) {
        assert.equal(frame.length, CREDIT_BYTES);
        back.#acknowledge(frame);
      } else {
        this.#taken += frame.length;
        const buffer = to.stack.takeInput();
        buffer.body.set(frame);
        to.stack.input(buffer, buffer.address, frame.length);
        to.stack.releaseInput(buffer);
      }
    }
    const due = this.#taken - this.#told;
    this.#waited = due > 0 ? this.#waited + 1 : 0;
    if (due < this.#sizes.every && this.#waited < LATE) return;
    to.stack.putCredit(this.#taken, this.#sizes.every);
    this.#told = this.#taken;
    this.#waited = 0;
  }

  #acknowledge(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset + HEADER_BYTES);
    const total = Number(view.getBigUint64(0));
    assert.ok(total >= this.#acknowledged && total <= this.#sent);
    this.#acknowledged = total;
  }
}

/** The link between two nodes. */
class Link {
  readonly #net: Network;
  readonly #nodes: readonly [Node, Node];
  readonly #there: Direction;
  readonly #back: Direction;

  constructor(net: Network, [a, b]: readonly [Node, Node], sizes: Sizes) {
    this.#net = net;
    this.#nodes = [a, b];
    this.#there = new Direction(a, sizes);
    this.#back = new Direction(b, sizes);
  }

  get peak(): number {
    return Math.max(this.#there.peak, this.#back.peak);
  }

  /** Lets milliseconds pass until `isOver`, at most so many; returns how many passed. */
  async run(isOver: () => boolean, most: number): Promise<number> {
    const [a, b] = this.#nodes;
    for (let passed = 0; passed < most; passed++) {
      if (isOver()) return passed;
      this.#net.now++;
      for (const { stack } of this.#nodes) {
        if (this.#net.now % 50 === 0) stack.poll(this.#net.now);
      }
      this.#there.write();
      this.#back.write();
      this.#there.carry(b, this.#back);
      this.#back.carry(a, this.#there);
      for (const { stack } of this.#nodes) stack.dispatch();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return assert.fail(`not over after ${most} ms`);
  }
}

async function scene(): Promise<[Network, Node, Node]> {
  const net = new Network();
  return [net, await net.add("127.0.42.100"), await net.add("127.0.42.101")];
}

for (const seed of (Deno.env.get("NOROUTER_CROWD_SEEDS") ?? "1 2 3").split(" ")) {
  const title = `whatever its sizes, no link with windows stands still (seed ${seed})`;
  Deno.test(title, async () => {
    const [net, a, b] = await scene();
    const random = bytes(40, Number(seed));
    const of = (list: readonly number[], i: number) => list[random[i]! % list.length]!;
    const pairs: [TcpConnection, TcpConnection][] = [];
    for (let i = 0; i <= random[0]! % 8; i++) pairs.push(await connected(net, a, b));
    const link = new Link(net, [a, b], {
      window: of([1, 1400, 4000, 20_000, 200_000], 1),
      limit: of([0, 1400, 6000, 50_000, Infinity], 2),
      segment: of([512, 1352, 5000, 20_000, Infinity], 3),
      rate: of([600, 2500, 12_500], 4),
      every: of([1, 500, 4000, 1e6], 5),
    });
    const data = bytes(60_000, Number(seed));
    let left = 0;
    for (const [i, [client, server]] of pairs.entries()) {
      const ways = [[client, server], [server, client]] as const;
      for (const [from, to] of ways.slice(0, 1 + random[6 + i]! % 2)) {
        left++;
        sendAll(from, data).then(() => from.shutdown());
        receiveAll(to).then((got) => {
          assert.deepEqual(got, data);
          left--;
        });
      }
    }
    await link.run(() => left === 0, 20_000);
    for (const each of pairs.flat()) each.abort();
  });
}

Deno.test("beside bulk each way a keystroke is there and back within two windows", async () => {
  const [net, a, b] = await scene();
  const [bulk, bulkServer] = await connected(net, a, b);
  const [shell, shellServer] = await connected(net, a, b);
  const [rate, window] = [2500, 12_500]; // 20 Mbit/s, and 5 ms of it
  const link = new Link(net, [a, b], {
    window,
    limit: 4000,
    segment: 1352,
    rate,
    every: window / 8,
  });
  const sending = [bulk, bulkServer].map((each) =>
    sendAll(each, new Uint8Array(8 << 20))
  );
  for (const each of sending) each.catch(() => {});
  const got = [bulk, bulkServer].map(() => 0);
  for (const [i, each] of [bulk, bulkServer].entries()) {
    (async () => {
      while (await each.readable()) {
        const { length } = each.peek();
        got[i]! += length;
        each.consume(length);
      }
    })().catch(() => {});
  }
  (async () => {
    await sendAll(shellServer, await one(shellServer));
    for (;;) await sendAll(shellServer, await one(shellServer));
  })().catch(() => {});
  let last = 0;
  await link.run(() => ++last > 500, 1000);
  const before = got.slice();
  const start = net.now;
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    let isBack = false;
    sendAll(shell, new Uint8Array([i]));
    one(shell).then(() => isBack = true);
    times.push(await link.run(() => isBack, 1000));
    let rest = 0;
    await link.run(() => ++rest > 10, 100);
  }
  times.sort((x, y) => x - y);
  const most = 2 * window / rate;
  assert.ok(times.at(-1)! <= most, `round trips in ms: ${times}`);
  for (const [i, bytes] of got.entries()) {
    const share = (bytes - before[i]!) / (net.now - start) / rate;
    assert.ok(share > 0.85, `${share} of the rate`);
  }
  for (const each of [bulk, bulkServer, shell, shellServer]) each.abort();
});

/** The next byte. */
async function one(connection: TcpConnection): Promise<Uint8Array> {
  await connection.readable();
  const byte = connection.peek().slice(0, 1);
  connection.consume(1);
  return byte;
}
