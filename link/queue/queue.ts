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
 * *Window.* Given a window (`gate.ts`), packets are taken only while it has room, and
 * those longer than its frames are cut (`cut.ts`); the quantum is as long then. They are
 * cut when their turn has come and no earlier, so that the window of that moment counts.
 * Control frames do not wait for the window but count. The newest CREDIT frame goes before
 * all others and does not count, or both ends could wait for each other. A closed queue
 * does not ask the window: an end that acknowledges nothing more must not keep the rest
 * from being written.
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
import { cut } from "./cut.ts";
import { Fifo } from "../fair/fifo.ts";
import type { Gate } from "./gate.ts";
import { Pins } from "./pins.ts";
import { Sender, type SharedOutlet } from "../sender.ts";
import { QUANTUM_BYTES } from "../fair/rounds.ts";
import { SenderQueue } from "../fair/sender_queue.ts";
import { drain, type Drained, type DrainOptions, WRITE_BYTES } from "./writer.ts";

/** Weight of the packets of a host that may wait, in all queues together. */
const SENDER_BYTES = 128 << 20;

/** Bytes of control frames that may wait. */
const CONTROL_BYTES = 1 << 20;

/** The least quantum: a frame that no window cuts. */
const LEAST_QUANTUM = 1500;

/** A frame this little over the size of a window's frames is not cut. */
const UNCUT_BYTES = 60;

/** The counts of a queue so far. */
export interface QueueCounters {
  /** Frames accepted. */
  pushed: number;
  /** Frames taken for a write. */
  taken: number;
  /** Bytes of the frames taken, without those of type CREDIT. */
  takenBytes: number;
  /** Bytes that the link has accepted; stands still while the link stalls. */
  writtenBytes: number;
  /** Frames accepted and dropped, at the limit or because the link ended. */
  dropped: number;
  /** Bytes of the frames dropped. */
  droppedBytes: number;
  /** Frames cut; `taken` counts their pieces. */
  cut: number;
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
    cut: 0,
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
  /** Weight of the packets waiting, in bytes: theirs, and those of the objects around. */
  readonly weight: number;
  /** Weight of the packets that may wait, in bytes. */
  readonly limitBytes: number;
}

/** Options of a {@linkcode LinkQueue}. */
export interface QueueOptions {
  /** Weight of the packets that may wait, in bytes. Default 32 MiB. */
  readonly limitBytes?: number;
  /** Goes into the hash that tells flows apart. Default 0. */
  readonly seed?: number;
  /** Milliseconds of the clock that the window goes by. Default: time stands still. */
  readonly now?: () => number;
}

/** The queue in front of one link, see the theory of operation above. */
export class LinkQueue implements SharedOutlet, Drained {
  /** The counts so far. */
  readonly counters: Readonly<QueueCounters>;
  readonly #counters = queueCounters();
  readonly #limit: number;
  readonly #control = new Fifo<Frame>();
  #controlBytes = 0;
  /** The newest CREDIT frame that waits. */
  #credit: Frame | undefined;
  readonly #packets: SenderQueue;
  /** The sender of frames pushed without a sender. */
  readonly #nobody = new Sender("");
  readonly #pins = new Pins();
  #isClosed = false;
  readonly #now: () => number;
  #gate: Gate | undefined;
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
    this.#now = options.now ?? (() => 0);
    this.counters = this.#counters;
  }

  /** Bytes waiting, without a CREDIT frame. */
  get bytes(): number {
    return this.#controlBytes + this.#packets.bytes;
  }

  /** Frames waiting. */
  get length(): number {
    const waiting = this.#control.length + this.#packets.length;
    return this.#credit === undefined ? waiting : waiting + 1;
  }

  /** The counts so far and the present backlog, as plain data. */
  status(): QueueStatus {
    return {
      ...this.#counters,
      frames: this.length,
      bytes: this.bytes,
      weight: this.#packets.weight,
      limitBytes: this.#limit,
    };
  }

  /**
   * From now on packets are taken only as `gate` says. It is told at once of all bytes
   * taken before, which the peer acknowledges too.
   */
  setWindow(gate: Gate): void {
    this.#gate = gate;
    gate.began(this.#counters.takenBytes);
    this.#notify();
  }

  /** The window may have room again. */
  opened(): void {
    this.#notify();
  }

  /**
   * Takes a frame for the link: a control frame, or a packet of `sender` that has passed
   * `police`. Never waits; at the limit packets are dropped. A CREDIT frame replaces one
   * that waits. False if the frame was refused.
   */
  push(frame: Frame, sender: Sender = this.#nobody): boolean {
    const { type } = frame;
    if (type === FrameType.CREDIT) return this.#pushCredit(frame);
    const isControl = type === FrameType.JSON;
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
    const credit = this.#shiftCredit();
    if (credit !== undefined) frames.push(credit);
    const room = this.#room();
    let bytes = 0;
    while (bytes < maxBytes) {
      const most = bytes === 0 ? Infinity : maxBytes - bytes;
      const frame = this.#shift(most, bytes < room);
      if (frame === undefined) break;
      frames.push(frame);
      if (frame.lease) this.#written.push(frame.lease);
      bytes += frame.bytes.length;
    }
    this.#counters.taken += frames.length;
    this.#counters.takenBytes += bytes;
    if (bytes > 0) this.#gate?.sent(bytes, this.#now(), this.length > 0);
    return coalesce(frames, maxBytes);
  }

  /**
   * Copies the next frames into `into` and returns the bytes; a large frame goes in
   * pieces.
   */
  takeInto(into: Uint8Array): number {
    let bytes = 0;
    const credit = this.#rest === undefined ? this.#credit?.bytes : undefined;
    if (credit !== undefined && credit.length <= into.length) {
      this.#shiftCredit();
      into.set(credit);
      bytes = credit.length;
      this.#counters.taken++;
    }
    const room = this.#room();
    let sent = 0;
    while (bytes < into.length) {
      let part = this.#rest;
      if (part === undefined) {
        const most = bytes === 0 ? Infinity : into.length - bytes;
        const frame = this.#shift(most, sent < room);
        if (frame === undefined) break;
        part = frame.bytes;
        sent += part.length;
        this.#counters.taken++;
        this.#counters.takenBytes += part.length;
        if (part.length > into.length) part = part.slice();
        // Nobody else runs before the copy.
        frame.lease?.drop();
      }
      const free = into.length - bytes;
      this.#rest = part.length > free ? part.subarray(free) : undefined;
      into.set(this.#rest ? part.subarray(0, free) : part, bytes);
      bytes += Math.min(part.length, free);
    }
    this.#counters.writtenBytes += bytes;
    if (sent > 0) this.#gate?.sent(sent, this.#now(), this.length > 0);
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
    for (;;) {
      const frame = this.#shiftCredit() ?? this.#shift(Infinity, true);
      if (frame === undefined) break;
      this.#drop(frame);
    }
  }

  /** The next frame but CREDIT, unless larger than `maxBytes` or no packet may go. */
  #shift(maxBytes: number, isOpen: boolean): Frame | undefined {
    const control = this.#control.at(0);
    if (control === undefined) {
      if (this.#gate !== undefined && !this.#isClosed) {
        if (!isOpen) {
          if (this.#packets.length > 0) this.#gate.blocked();
          return undefined;
        }
        this.#cutNext(this.#gate.frameBytes + UNCUT_BYTES);
      }
      return this.#packets.shift(maxBytes);
    }
    if (control.bytes.length > maxBytes) return undefined;
    this.#controlBytes -= control.bytes.length;
    return this.#control.shift();
  }

  /** Bytes of packets that the window lets through. */
  #room(): number {
    if (this.#gate === undefined || this.#isClosed) return Infinity;
    const { frameBytes } = this.#gate;
    this.#packets.quantum.bytes = Math.max(LEAST_QUANTUM, frameBytes);
    return this.#gate.room;
  }

  /** Cuts the next packet if it is longer than `most` bytes. */
  #cutNext(most: number): void {
    if (most >= QUANTUM_BYTES) return;
    const frame = this.#packets.peek();
    if (frame === undefined || frame.bytes.length <= most) return;
    const pieces = cut(frame, most - UNCUT_BYTES);
    if (pieces === undefined) return;
    this.#packets.replace(pieces);
    frame.lease?.drop();
    this.#counters.cut++;
  }

  #pushCredit(frame: Frame): boolean {
    if (this.#isClosed) {
      this.#counters.refused++;
      return false;
    }
    if (this.#credit === undefined) this.#counters.pushed++;
    this.#credit = frame;
    this.#notify();
    return true;
  }

  #shiftCredit(): Frame | undefined {
    const credit = this.#credit;
    if (credit === undefined) return undefined;
    this.#credit = undefined;
    return credit;
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
