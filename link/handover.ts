/**
 * Handover: one direction of a link inside this process.
 *
 * Both ends are streams, as any user of a link expects. Users that know handovers, namely
 * `LinkQueue.drain`, `decode` and the agent's port, hand bytes over without a stream
 * between: each stream would cost a buffer of its own and some ten promises for each
 * chunk.
 *
 * ```
 * queue ──── serve ──┐               ┌── read ──→ memory of the stack
 * stream or port ────┴ put ──────────┴── take ──→ decoder, or a stream
 * ```
 *
 * *Back-pressure.* At most one chunk is under way: `put` settles when the chunk was
 * taken, and a served queue keeps the frames that nobody has asked for, so that it can
 * still choose among them.
 *
 * *End.* After `end`, or when the served source is over, the taker gets the rest and then
 * the end. When the taker cancels, the giver's calls fail; `fail` makes both sides fail.
 *
 * @module
 */

import type { Lease } from "../wire/lease.ts";

/** Gives bytes when asked. */
export interface Source {
  /** Copies waiting bytes into `into` and returns their number; 0 if nothing waits. */
  takeInto(into: Uint8Array): number;
  /** Whether nothing will come any more. */
  isOver(): boolean;
  /** Calls `wake` as soon as bytes wait, or the source is over. */
  whenMore(wake: () => void): void;
}

/** A chunk that was handed over; who took it drops the lease. */
export interface Handed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lease: Lease | undefined;
}

const handovers = new WeakMap<object, Handover>();

/** The handover that a stream is an end of. */
export function handoverOf(
  stream: ReadableStream<Uint8Array> | WritableStream<Uint8Array>,
): Handover | undefined {
  return handovers.get(stream);
}

/** A giver and a taker, each of which waits for one call at a time. */
export class Handover {
  /** The taker's end as a stream. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The giver's end as a stream. Chunks pass by reference. */
  readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  /** Settles when nothing more will be handed over. */
  readonly ended: Promise<void>;
  readonly #over: () => void;
  #reader!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #writer!: WritableStreamDefaultController;
  #handed: Handed | undefined;
  /** Settles when the handed chunk was taken. */
  #taken: PromiseWithResolvers<void> | undefined;
  #source: Source | undefined;
  /** Settles when the taker saw that the source is over. */
  #served: PromiseWithResolvers<void> | undefined;
  #isEnding = false;
  /** Why the giver's calls fail, and the taker's. */
  #giverError: Error | undefined;
  #takerError: Error | undefined;
  /** Lets the taker look again. */
  #wake: (() => void) | undefined;

  /** Makes a handover with nothing under way. */
  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#over = resolve;
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#reader = controller;
      },
      pull: async (controller) => {
        const handed = await this.take();
        if (handed === undefined) controller.close();
        else controller.enqueue(handed.bytes);
      },
      cancel: () => this.cancel(),
    }, { highWaterMark: 0 });
    this.writable = new WritableStream({
      start: (controller) => {
        this.#writer = controller;
      },
      // Memory of a WASM instance may be shared; readers only ever look at it.
      write: (chunk) => this.put(chunk as Uint8Array<ArrayBuffer>),
      close: () => this.end(),
      abort: () => this.fail(new Error("The other end of the link was aborted")),
    });
    handovers.set(this.readable, this);
    handovers.set(this.writable, this);
  }

  /** Hands over a chunk, with its lease if any; settles when the chunk was taken. */
  async put(bytes: Uint8Array<ArrayBuffer>, lease?: Lease): Promise<void> {
    if (this.#giverError) throw this.#giverError;
    if (bytes.length === 0) return;
    this.#handed = { bytes, lease };
    this.#taken = Promise.withResolvers();
    this.#wake?.();
    return await this.#taken.promise;
  }

  /** Lets the taker ask `source` itself from now on; settles when `source` is over. */
  async serve(source: Source): Promise<void> {
    if (this.#giverError) throw this.#giverError;
    this.#source = source;
    this.#served = Promise.withResolvers();
    this.#wake?.();
    return await this.#served.promise;
  }

  /** Nothing more is handed over. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#giverError ??= new Error("The link was closed");
    this.#over();
    this.#wake?.();
  }

  /** Takes the next chunk; undefined at the end. Not for a served source. */
  async take(): Promise<Handed | undefined> {
    while (this.#handed === undefined && !this.#isEnding) await this.#change();
    if (this.#takerError) throw this.#takerError;
    const handed = this.#handed;
    if (handed !== undefined) this.#letGo();
    return handed;
  }

  /** Fills some of `into`; the number of bytes, or null at the end. */
  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#takerError) throw this.#takerError;
      const bytes = this.#source?.takeInto(into) ?? this.#readHanded(into);
      if (bytes > 0) return bytes;
      if (this.#source?.isOver()) {
        this.end();
        this.#served?.resolve();
      }
      if (this.#isEnding) return null;
      await this.#change();
    }
  }

  /** The taker wants no more. */
  cancel(): void {
    this.#stop(new Error("The other end of the link stopped reading"));
  }

  /** Ends the handover by force: bytes under way are lost, and both sides fail. */
  fail(error: Error): void {
    if (this.#isEnding) return;
    this.#takerError = error;
    this.#reader.error(error);
    this.#stop(error);
  }

  #stop(error: Error): void {
    if (this.#isEnding) return;
    this.#giverError = error;
    this.#source = undefined;
    this.#handed?.lease?.drop();
    this.#handed = undefined;
    this.#taken?.reject(error);
    this.#served?.reject(error);
    this.#writer.error(error);
    this.end();
  }

  #readHanded(into: Uint8Array): number {
    const handed = this.#handed;
    if (handed === undefined) return 0;
    const { bytes, lease } = handed;
    const part = bytes.length <= into.length ? bytes : bytes.subarray(0, into.length);
    into.set(part);
    if (part.length < bytes.length) {
      this.#handed = { bytes: bytes.subarray(part.length), lease };
    } else {
      lease?.drop();
      this.#letGo();
    }
    return part.length;
  }

  /** The taker has the chunk. */
  #letGo(): void {
    this.#handed = undefined;
    this.#taken!.resolve();
    this.#taken = undefined;
  }

  /** Settles when there may be bytes to take. */
  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#source?.whenMore(resolve);
    });
    this.#wake = undefined;
  }
}
