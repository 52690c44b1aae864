/**
 * Two stacks over a link with a rate and a delay, which may be cut and come back, for tests.
 *
 * @module
 */
import type { Network, Node } from "./_network.ts";
import type { TcpConnection } from "./tcp.ts";

/** The most that a link holds before its rate, as a pipe does. */
const PIPE_BYTES = 1 << 20;

/** The sizes of a link. */
export interface LinkSizes {
  /** Bytes in a millisecond, each way. */
  readonly rate: number;
  /** Milliseconds, one way. */
  readonly delay: number;
  /** Milliseconds of a step of time. */
  readonly step: number;
}

class Direction {
  readonly #from: Node;
  readonly #to: Node;
  readonly #sizes: LinkSizes;
  #under: { readonly due: number; readonly frames: Uint8Array }[] = [];
  /** When all that was taken has left. */
  #left = 0;

  constructor(from: Node, to: Node, sizes: LinkSizes) {
    this.#from = from;
    this.#to = to;
    this.#sizes = sizes;
  }

  take(now: number): void {
    const { rate, delay } = this.#sizes;
    const { stack } = this.#from;
    stack.dispatch();
    this.#left = Math.max(this.#left, now);
    while ((this.#left - now) * rate < PIPE_BYTES) {
      const run = stack.takeOutput()?.slice();
      if (run === undefined) return;
      stack.outputDone();
      for (let at = 0; at < run.length;) {
        const end = at + 4 + (run[at + 1]! << 16 | run[at + 2]! << 8 | run[at + 3]!);
        this.#left += (end - at) / rate;
        this.#under.push({ due: this.#left + delay, frames: run.subarray(at, end) });
        at = end;
      }
    }
  }

  deliver(now: number): void {
    const { stack } = this.#to;
    let done = 0;
    for (; done < this.#under.length && this.#under[done]!.due <= now; done++) {
      const buffer = stack.takeInput();
      const { frames } = this.#under[done]!;
      buffer.body.set(frames);
      stack.input(buffer, buffer.address, frames.length);
      stack.releaseInput(buffer);
    }
    if (done > 0) this.#under.splice(0, done);
    stack.dispatch();
  }

  lose(): void {
    this.#under = [];
    this.#left = 0;
  }
}

/** See the head of this file. The clock is the network's. */
export class Link {
  readonly #net: Network;
  readonly #nodes: readonly [Node, Node];
  readonly #sizes: LinkSizes;
  readonly #directions: readonly Direction[];

  constructor(net: Network, nodes: readonly [Node, Node], sizes: LinkSizes) {
    this.#net = net;
    this.#nodes = nodes;
    this.#sizes = sizes;
    const [a, b] = nodes;
    this.#directions = [new Direction(a, b, sizes), new Direction(b, a, sizes)];
  }

  /** A step of time, with packets. `between` is called when they have come. */
  step(between: () => void = () => {}): void {
    this.#net.now += this.#sizes.step;
    for (const each of this.#directions) each.deliver(this.#net.now);
    between();
    for (const { stack } of this.#nodes) stack.poll(this.#net.now);
    for (const each of this.#directions) each.take(this.#net.now);
  }

  /** What is under way is lost. */
  cut(): void {
    for (const each of this.#directions) each.lose();
  }
}

/** Lets time pass while all that the hosts send is lost. */
export function gap(
  net: Network,
  nodes: readonly Node[],
  milliseconds: number,
  between: () => void = () => {},
): void {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    net.now += 50;
    for (const { stack } of nodes) {
      stack.poll(net.now);
      stack.dispatch();
      while (stack.takeOutput()) stack.outputDone();
    }
    between();
  }
}

/** All addresses, for `hold` and `resume`. */
export function holdAll(...nodes: Node[]): void {
  for (const { stack } of nodes) stack.hold(0, 0);
}

/** The same for `resume`; returns how many connections go on. */
export function resumeAll(...nodes: Node[]): number {
  return nodes.reduce((sum, { stack }) => sum + stack.resume(0, 0), 0);
}

/** Bytes of a length that no size of a segment divides. */
const PATTERN = (() => {
  const bytes = new Uint8Array(1_048_573);
  let state = 0x9e3779b9;
  for (let i = 0; i < bytes.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 24;
  }
  return bytes;
})();

/** Copies the bytes of stream `key` from `at` on; returns how many, which may be fewer. */
function copyPattern(to: Uint8Array, key: number, at: number): void {
  for (let done = 0; done < to.length;) {
    const from = (at + done + key * 7919) % PATTERN.length;
    const length = Math.min(to.length - done, PATTERN.length - from);
    to.set(PATTERN.subarray(from, from + length), done);
    done += length;
  }
}

/** A stream of bytes that are known, from one end of a connection to the other. */
export class Flow {
  /** Bytes sent and got. */
  sent = 0;
  got = 0;
  /** Whether the sender pauses, and whether the reader does. */
  silent = false;
  stalled = false;
  readonly #from: TcpConnection;
  readonly #to: TcpConnection;
  readonly #key: number;
  readonly #length: number;
  #shut = false;

  /** `length` bytes, then the end; for ever if infinite. */
  constructor(from: TcpConnection, to: TcpConnection, key: number, length = Infinity) {
    this.#from = from;
    this.#to = to;
    this.#key = key;
    this.#length = length;
  }

  /** Whether all bytes and the end have come. */
  get isDone(): boolean {
    return this.got === this.#length && this.#to.hasEnded;
  }

  /** Sends what there is room for, and reads what has come; at most `most` bytes of each. */
  move(most = Infinity): void {
    if (!this.silent) this.#send(most);
    if (!this.stalled) this.#read(most);
  }

  #send(most: number): void {
    const end = Math.min(this.#length, this.sent + most);
    while (this.sent < end) {
      const room = this.#from.room;
      const block = room > 0 ? this.#from.allocate(65_536) : undefined;
      if (block === undefined) return;
      const length = Math.min(room, block.bytes.length, end - this.sent);
      copyPattern(block.bytes.subarray(0, length), this.#key, this.sent);
      if (this.#from.send(block, length) === "copied") this.#from.free(block);
      this.sent += length;
    }
    if (this.sent === this.#length && !this.#shut) {
      this.#shut = true;
      this.#from.shutdown();
    }
  }

  #read(most: number): void {
    for (let left = most; left > 0;) {
      const bytes = this.#to.peek();
      if (bytes.length === 0) return;
      const length = Math.min(bytes.length, left);
      this.#check(bytes.subarray(0, length));
      this.#to.consume(length);
      this.got += length;
      left -= length;
    }
  }

  #check(bytes: Uint8Array): void {
    for (let i = 0, at = (this.got + this.#key * 7919) % PATTERN.length;; at = 0) {
      const end = Math.min(bytes.length, i + PATTERN.length - at);
      for (; i < end; i++, at++) {
        if (bytes[i] === PATTERN[at]) continue;
        throw new Error(`Stream ${this.#key} has a wrong byte at ${this.got + i}`);
      }
      if (i === bytes.length) return;
    }
  }
}
