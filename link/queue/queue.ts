/**
 * Link queue: the frames that wait to be written to a link.
 *
 * ## Theory of operation
 *
 * Every pipeline pushes into the queues of other links; each queue has a writer loop,
 * `drain`, that empties the queue into its link. The queue lies between the two so that
 * neither waits for the other: `push` never waits, and a link that stalls holds up its
 * own queue and nothing else.
 *
 * ```
 * push ─┬─ control frames ──→ Fifo ────────────────────┐ first
 *       └─ packets ──→ SenderQueue (hosts and flows) ──┴─→ take ─→ coalesce ─→ drain ─→ link
 * ```
 *
 * *Batching.* The first push onto an idle queue wakes the writer (`writer.ts`) by a
 * promise, so a whole batch pushed in a turn goes in one write.
 *
 * *Fairness.* Packets take turns by the host that sent them, and those of a host by flow.
 * New waiters go before old waiters, hosts and flows alike: the first frame of a new
 * waiter leaves after the frames taken for the writes under way, and after at most one
 * quantum (64 KiB) of each other host, or flow of its host, that began just before.
 * Control frames go before all packets, so a ping measures the link and not the queue.
 *
 * *Limit.* Packets waiting weigh their bytes plus 1024 for the objects around each; when
 * this weight goes over the limit, the oldest packets of the longest flow of the host
 * that weighs most are dropped and counted. A host has a limit of its own for its packets
 * in all queues together, so that no host can fill them all. TCP recovers, but lwIP
 * slowly, so the limits are well above a window. Control frames are never dropped for
 * data. They have a limit of their own, beyond which a push is refused and counted; a
 * single frame always fits.
 *
 * *Memory.* A frame is a view and pins its whole chunk; the queue holds its lease until
 * the frame is dropped or written, the latter if the link releases chunks. Small frames
 * are copied out when many wait (`pins.ts`).
 *
 * *End.* After `close` pushes are refused; the waiting frames are written, the link's
 * input is closed, and `drain` returns. When a write fails, or the link ends, `drain`
 * drops the waiting frames, refuses further pushes, and throws the reason. To give up on
 * a link that stalls, end the link.
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

/** Weight of the packets of a host that may wait, in all queues together. */
const SENDER_BYTES = 128 << 20;

/** Bytes of control frames that may wait. */
const CONTROL_BYTES = 1 << 20;

/** The counts of a queue so far. */
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
  /** The counts so far. */
  readonly counters: Readonly<QueueCounters>;
  readonly #counters = queueCounters();
  readonly #limit: number;
  readonly #control = new Fifo<Frame>();
  #controlBytes = 0;
  readonly #packets: SenderQueue;
  /** The sender of frames pushed without a sender. */
  readonly #nobody = new Sender("");
  readonly #pins = new Pins();
  #isClosed = false;
  /** Leases of the frames taken for the writes under way. */
  readonly #written: Lease[] = [];
  /** The rest of a frame that was larger than the memory to copy into. */
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

  /** The counts so far and the present backlog, as plain data. */
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
   * `police`. Never waits; at the limit packets are dropped. False if the frame was
   * refused.
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
   * Takes the next frames, as many as fit into `maxBytes` but at least a frame, as
   * buffers to write in order. Large neighbours in a buffer are not copied. Empty if
   * nothing waits.
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

  /**
   * Copies the next frames into `into` and returns the bytes; a large frame goes in
   * pieces.
   */
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
        // Nobody else runs before the copy.
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

  /** All frames taken are written; `isReleased` if their memory may be used again. */
  letGo(isReleased: boolean): void {
    if (isReleased) { for (const lease of this.#written) lease.drop(); }
    this.#written.length = 0;
  }

  /** Whether no frame will be there to take any more. */
  isOver(): boolean {
    return this.#isClosed && this.length === 0 && this.#rest === undefined;
  }

  /** Calls `wake` once, when there may be frames to take, or the queue is over. */
  whenMore(wake: () => void): void {
    this.#wake = wake;
  }

  /**
   * Writes the pushed frames to `writable`. Returns after {@linkcode close}, when all is
   * written and `writable` is closed.
   *
   * @throws the error of a write; then the queue is closed and empty.
   */
  async drain(
    writable: WritableStream<Uint8Array>,
    options: DrainOptions = {},
  ): Promise<void> {
    await drain(this, writable, options);
  }

  /** Refuses further frames; waiting frames are still written, then `drain` returns. */
  close(): void {
    this.#isClosed = true;
    this.#notify();
  }

  /** Closes the queue and drops the waiting frames. */
  discard(): void {
    this.close();
    this.#rest = undefined;
    for (let frame = this.#shift(); frame !== undefined; frame = this.#shift()) {
      this.#drop(frame);
    }
  }

  /** The next frame, unless larger than `maxBytes`. */
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
