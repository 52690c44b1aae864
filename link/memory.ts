/**
 * Two joined links in memory: the manager's way to the agent in its own process, and the
 * tests' way to any agent.
 *
 * @module
 */

import type { Link, LinkExit } from "./link.ts";

/** Settings of {@linkcode memoryLinkPair}. */
export interface MemoryLinkOptions {
  /** Milliseconds a chunk is under way, each way. Chunks stay in order. Default 0. */
  readonly delay?: number;
  /**
   * Share of chunks that get lost, from 0 to 1. A chunk is the bytes of one write, so a
   * writer of whole frames loses whole frames. Default 0.
   */
  readonly loss?: number;
  /** Seed of the losses: the same seed and writes lose the same chunks. Default 1. */
  readonly seed?: number;
  /** Bytes a direction holds before its writes wait. Default 1 MiB. */
  readonly bufferBytes?: number;
}

/**
 * Makes two links, the ends of each other. Chunks pass by reference. `closed` of both
 * settles when both directions have ended or either end aborted.
 */
export function memoryLinkPair(options: MemoryLinkOptions = {}): [Link, Link] {
  const bufferBytes = options.bufferBytes ?? 1 << 20;
  const seed = options.seed ?? 1;
  const there = new Direction(bufferBytes, shaperOf(options, seed));
  const back = new Direction(bufferBytes, shaperOf(options, seed + 1));

  const { promise: closed, resolve } = Promise.withResolvers<LinkExit>();
  Promise.all([there.ended, back.ended]).then(() =>
    resolve({ ok: true, reason: "both directions ended", stderr: [] })
  );
  const abort = (reason: string) => {
    resolve({ ok: false, reason, stderr: [] });
    const error = new Error(`The link was aborted: ${reason}`);
    there.fail(error);
    back.fail(error);
  };
  return [
    { readable: back.readable, writable: there.writable, closed, abort },
    { readable: there.readable, writable: back.writable, closed, abort },
  ];
}

/** The delay and loss of chunks on their way; absent if there is neither. */
interface Shaper {
  readonly delay: number;
  isLost(): boolean;
}

function shaperOf(options: MemoryLinkOptions, seed: number): Shaper | undefined {
  const { delay = 0, loss = 0 } = options;
  if (delay === 0 && loss === 0) return undefined;
  const random = mulberry32(seed);
  return { delay, isLost: () => random() < loss };
}

/** A direction of a pair: a writer at an end, a reader at the other. */
class Direction {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  readonly ended: Promise<void>;
  #reader!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #writer!: WritableStreamDefaultController;
  #room: PromiseWithResolvers<void> | undefined;
  #over: () => void;
  #isOver = false;
  #late: LateChunks | undefined;

  constructor(bufferBytes: number, shaper: Shaper | undefined) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#over = resolve;
    // No byte stream: its enqueue would detach the chunk's buffer from its writer, and
    // memory of a WASM instance cannot be detached.
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#reader = controller;
      },
      pull: () => this.#room?.resolve(),
      cancel: () => this.fail(new Error("The other end of the link stopped reading")),
    }, { highWaterMark: bufferBytes, size: (chunk) => chunk.byteLength });
    if (shaper) {
      this.#late = new LateChunks(shaper.delay, (chunk) => this.#deliver(chunk));
    }
    this.writable = new WritableStream({
      start: (controller) => {
        this.#writer = controller;
      },
      write: (chunk) => {
        if (chunk.byteLength === 0 || shaper?.isLost()) return;
        if (!this.#late) return this.#deliver(chunk);
        return this.#late.push(chunk, bufferBytes);
      },
      close: async () => {
        await this.#late?.empty();
        if (this.#isOver) return;
        this.#end();
        this.#reader.close();
      },
      abort: () => this.fail(new Error("The other end of the link was aborted")),
    });
  }

  /** Ends the direction by force: chunks under way are lost, reads and writes fail. */
  fail(error: Error): void {
    if (this.#isOver) return;
    this.#end();
    this.#late?.drop();
    this.#room?.reject(error);
    this.#reader.error(error);
    this.#writer.error(error);
  }

  #end(): void {
    this.#isOver = true;
    this.#over();
  }

  #deliver(chunk: Uint8Array<ArrayBufferLike>): void | Promise<void> {
    // An agent's memory may be shared or WASM's; readers only ever look at it.
    this.#reader.enqueue(chunk as Uint8Array<ArrayBuffer>);
    if (this.#reader.desiredSize! > 0) return;
    this.#room = Promise.withResolvers();
    return this.#room.promise;
  }
}

/** Holds chunks back for a time, in order and bounded, with a single timer. */
class LateChunks {
  readonly #delay: number;
  readonly #deliver: (chunk: Uint8Array) => void | Promise<void>;
  readonly #chunks: { readonly chunk: Uint8Array; readonly due: number }[] = [];
  #bytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;
  #changed: PromiseWithResolvers<void> | undefined;

  constructor(delay: number, deliver: (chunk: Uint8Array) => void | Promise<void>) {
    this.#delay = delay;
    this.#deliver = deliver;
  }

  /** Takes a chunk; settles when less than `limit` bytes are under way. */
  async push(chunk: Uint8Array, limit: number): Promise<void> {
    this.#chunks.push({ chunk, due: performance.now() + this.#delay });
    this.#bytes += chunk.byteLength;
    this.#arm();
    while (this.#bytes >= limit) await this.#change();
  }

  /** Settles when nothing is under way any more. */
  async empty(): Promise<void> {
    while (this.#bytes > 0) await this.#change();
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#chunks.length = 0;
    this.#bytes = 0;
    this.#changed?.resolve();
  }

  #change(): Promise<void> {
    return (this.#changed ??= Promise.withResolvers()).promise;
  }

  #arm(): void {
    const first = this.#chunks[0];
    if (!first || this.#isRunning) return;
    this.#isRunning = true;
    this.#timer = setTimeout(
      () => this.#run(),
      Math.max(0, first.due - performance.now()),
    );
  }

  async #run(): Promise<void> {
    const now = performance.now();
    try {
      for (let first; (first = this.#chunks[0]) && first.due <= now + 0.5;) {
        this.#chunks.shift();
        await this.#deliver(first.chunk);
        this.#bytes = Math.max(0, this.#bytes - first.chunk.byteLength);
        this.#changed?.resolve();
        this.#changed = undefined;
      }
    } catch {
      // The reader has gone; fail() has told the writer.
      this.drop();
    }
    this.#isRunning = false;
    this.#arm();
  }
}

/** A seeded source of numbers in [0, 1): Tommy Ettinger's mulberry32 (public domain). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
