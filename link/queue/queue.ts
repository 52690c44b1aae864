/**
 * Link queue: what waits to be written to one link.
 *
 * ## Theory of operation
 *
 * Every pipeline pushes into the queues of other links; each queue has one writer loop,
 * `drain`, that empties it into its link. The queue lies between the two so that neither
 * waits for the other: `push` never waits, and a link that stalls holds up its own queue
 * and nothing else.
 *
 * ```
 * push ─┬─ control frames ──→ Fifo ────────────────────┐ first
 *       └─ packets ──→ SenderQueue (hosts and flows) ──┴─→ take ─→ coalesce ─→ drain ─→ link
 * ```
 *
 * *Batching.* The first push onto an idle queue wakes the writer (`writer.ts`) by a promise,
 * so a whole batch pushed in one turn goes in one write.
 *
 * *Fairness.* Packets take turns by the host that sent them, and those of one host by flow.
 * What begins to wait goes before what has waited on, hosts and flows alike: its first frame
 * leaves after what was taken for the writes under way, and after at most one quantum (64
 * KiB) of each other host, or flow of its host, that began just before. Control frames go
 * before all packets, so a ping measures the link and not the queue.
 *
 * *Limit.* Packets waiting weigh their bytes plus 1024 for the objects around each; when that
 * goes over the limit, the oldest packets of the longest flow of the host that weighs most
 * are dropped and counted. A host has a limit of its own for what waits of it in all queues
 * together, so that it cannot fill them one after the other. TCP recovers, but lwIP slowly,
 * so the limits are well above a window. Control frames are never dropped for data. They have
 * a limit of their own, beyond which a push is refused and counted; a single one always fits.
 *
 * *Memory.* A frame is a view and pins the whole chunk it was read with; the queue holds
 * its lease until the frame is written, if the link says that it is then done with it, or
 * dropped. Small ones are copied out when many wait (`pins.ts`).
 *
 * *End.* After `close` pushes are refused; what waits is written, the link's input is
 * closed, and `drain` returns. When a write fails, or the link ends, `drain` drops what
 * waits, refuses what comes, and throws the reason. To give up on a link that stalls, end
 * the link.
 *
 * @module
 */

import { type Frame, FrameType } from "../../wire/frame.ts";
import type { Lease } from "../../wire/lease.ts";
import { coalesce } from "./coalesce.ts";
import { Fifo } from "../fair/fifo.ts";
import { Pins } from "./pins.ts";
import { Sender, type SharedOutlet } from "../sender.ts";
import { SenderQueue } from "../fair/sender_queue.ts";
import { drain, type Drained, type DrainOptions, WRITE_BYTES } from "./writer.ts";

/** Weight of the packets of one host that may wait, in all queues together. */
const SENDER_BYTES = 128 << 20;

/** Bytes of control frames that may wait. */
const CONTROL_BYTES = 1 << 20;

/** What happened in a queue so far, and what waits in it. */
export interface QueueCounters {
  /** Frames accepted. */
  pushed: number;
  /** Frames taken for a write. */
  taken: number;
  /** Bytes of the frames taken. */
  takenBytes: number;
  /** Bytes that the link has accepted; stands still while the link stalls. */
  writtenBytes: number;
  /** Frames accepted and dropped, at the limit or because the link ended. */
  dropped: number;
  /** Bytes of the frames dropped. */
  droppedBytes: number;
  /** Frames not accepted: after the end, or too many control frames. */
  refused: number;
  /** Largest number of bytes that ever waited. */
  peakBytes: number;
}

function queueCounters(): QueueCounters {
  return {
    pushed: 0,
    taken: 0,
    takenBytes: 0,
    writtenBytes: 0,
    dropped: 0,
    droppedBytes: 0,
    refused: 0,
    peakBytes: 0,
  };
}

/** A queue at the moment, as plain data. */
export interface QueueStatus extends Readonly<QueueCounters> {
  /** Frames waiting. */
  readonly frames: number;
  /** Bytes waiting. */
  readonly bytes: number;
  /** Weight of the packets that may wait, in bytes. */
  readonly limitBytes: number;
}

/** Options of a {@linkcode LinkQueue}. */
export interface QueueOptions {
  /** Weight of the packets that may wait, in bytes. Default 32 MiB. */
  readonly limitBytes?: number;
  /** Goes into the hash that tells flows apart. Default 0. */
  readonly seed?: number;
}

/** The queue in front of one link, see the theory of operation above. */
export class LinkQueue implements SharedOutlet, Drained {
  /** What happened so far. */
  readonly counters: Readonly<QueueCounters>;
  readonly #counters = queueCounters();
  readonly #limit: number;
  readonly #control = new Fifo<Frame>();
  #controlBytes = 0;
  readonly #packets: SenderQueue;
  /** Who sends what comes without a sender. */
  readonly #nobody = new Sender("");
  readonly #pins = new Pins();
  #isClosed = false;
  /** Leases of the frames taken for the writes under way. */
  readonly #written: Lease[] = [];
  /** What is left of a frame that was larger than where it was to be copied to. */
  #rest: Uint8Array | undefined;
  /** Set while the writer loop waits for a frame. */
  #wake: (() => void) | undefined;

  /** Makes an empty queue. */
  constructor(options: QueueOptions = {}) {
    this.#limit = options.limitBytes ?? 32 << 20;
    this.#packets = new SenderQueue(options.seed ?? 0);
    this.counters = this.#counters;
  }

  /** Bytes waiting. */
  get bytes(): number {
    return this.#controlBytes + this.#packets.bytes;
  }

  /** Frames waiting. */
  get length(): number {
    return this.#control.length + this.#packets.length;
  }

  /** What happened so far and what waits now, as plain data. */
  status(): QueueStatus {
    return {
      ...this.#counters,
      frames: this.length,
      bytes: this.bytes,
      limitBytes: this.#limit,
    };
  }

  /**
   * Takes a frame for the link: a control frame, or a packet of `sender` that has passed
   * `police`. It never waits; at the limit packets are dropped. False if it was refused.
   */
  push(frame: Frame, sender: Sender = this.#nobody): boolean {
    const isControl = frame.type === FrameType.JSON;
    if (this.#isClosed || (isControl && !this.#hasControlRoom(frame))) {
      this.#counters.refused++;
      return false;
    }
    this.#counters.pushed++;
    if (isControl) {
      this.#control.push(frame);
      this.#controlBytes += frame.bytes.length;
    } else {
      const kept = this.#pins.keep(frame, this.#packets.length);
      kept.lease?.hold();
      this.#packets.push(kept, sender);
      while (this.#packets.weight > this.#limit) {
        this.#drop(this.#packets.shiftLongest()!);
      }
      while (sender.weight > SENDER_BYTES) {
        this.#drop(this.#packets.shiftLongestOf(sender)!);
      }
    }
    if (this.bytes > this.#counters.peakBytes) this.#counters.peakBytes = this.bytes;
    this.#notify();
    return true;
  }

  /**
   * Takes the next frames, as many as fit into `maxBytes` but at least one, as buffers to
   * write in order. What lies in one buffer anyway is not copied. Empty if nothing waits.
   */
  take(maxBytes: number = WRITE_BYTES): Uint8Array[] {
    const frames: Frame[] = [];
    let bytes = 0;
    while (bytes < maxBytes) {
      const frame = this.#shift(bytes === 0 ? Infinity : maxBytes - bytes);
      if (frame === undefined) break;
      frames.push(frame);
      if (frame.lease) this.#written.push(frame.lease);
      bytes += frame.bytes.length;
    }
    this.#counters.taken += frames.length;
    this.#counters.takenBytes += bytes;
    return coalesce(frames, maxBytes);
  }

  /** Copies the next frames into `into` and returns the bytes; a large one goes in pieces. */
  takeInto(into: Uint8Array): number {
    let bytes = 0;
    while (bytes < into.length) {
      let part = this.#rest;
      if (part === undefined) {
        const frame = this.#shift(bytes === 0 ? Infinity : into.length - bytes);
        if (frame === undefined) break;
        part = frame.bytes;
        this.#counters.taken++;
        this.#counters.takenBytes += part.length;
        if (part.length > into.length) part = part.slice();
        // Nobody else runs before it is copied.
        frame.lease?.drop();
      }
      const room = into.length - bytes;
      this.#rest = part.length > room ? part.subarray(room) : undefined;
      into.set(this.#rest ? part.subarray(0, room) : part, bytes);
      bytes += Math.min(part.length, room);
    }
    this.#counters.writtenBytes += bytes;
    return bytes;
  }

  /** A write has settled. */
  wrote(bytes: number): void {
    this.#counters.writtenBytes += bytes;
  }

  /** All that was taken is written; whether its memory may be used again. */
  letGo(isReleased: boolean): void {
    if (isReleased) { for (const lease of this.#written) lease.drop(); }
    this.#written.length = 0;
  }

  /** Whether nothing will be there to take any more. */
  isOver(): boolean {
    return this.#isClosed && this.length === 0 && this.#rest === undefined;
  }

  /** Calls `wake` once, when there may be something to take, or it is over. */
  whenMore(wake: () => void): void {
    this.#wake = wake;
  }

  /**
   * Writes what is pushed to `writable`. Returns after {@linkcode close}, when all is written
   * and `writable` is closed.
   *
   * @throws whatever writing fails with; then the queue is closed and empty.
   */
  async drain(
    writable: WritableStream<Uint8Array>,
    options: DrainOptions = {},
  ): Promise<void> {
    await drain(this, writable, options);
  }

  /** Refuses further frames; what waits is still written, then `drain` returns. */
  close(): void {
    this.#isClosed = true;
    this.#notify();
  }

  /** Closes the queue and drops what waits. */
  discard(): void {
    this.close();
    this.#rest = undefined;
    for (let frame = this.#shift(); frame !== undefined; frame = this.#shift()) {
      this.#drop(frame);
    }
  }

  /** The next frame, unless it is larger than `maxBytes`. */
  #shift(maxBytes = Infinity): Frame | undefined {
    const control = this.#control.at(0);
    if (control === undefined) return this.#packets.shift(maxBytes);
    if (control.bytes.length > maxBytes) return undefined;
    this.#controlBytes -= control.bytes.length;
    return this.#control.shift();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #drop(frame: Frame): void {
    frame.lease?.drop();
    this.#counters.dropped++;
    this.#counters.droppedBytes += frame.bytes.length;
  }

  #hasControlRoom(frame: Frame): boolean {
    return this.#controlBytes === 0 ||
      this.#controlBytes + frame.bytes.length <= CONTROL_BYTES;
  }
}
