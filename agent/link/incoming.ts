/**
 * Incoming: the frames that one link brings, from the reads of its port.
 *
 * Buffers of the stack's memory are read into by turns, so that a read is under way while
 * the last is processed, and the next is asked for before the present read ends; the frame
 * a read left unfinished is put in front of the next. Runs of packets go to lwIP as they
 * lie; other frames are handed out.
 *
 * @module
 */

import { idleMemory } from "../../link/idle_memory.ts";
import { systemPace } from "../../link/pace.ts";
import type { InputBuffer, Stack } from "../../stack/stack.ts";
import {
  COUNTED_HEADER_BYTES,
  FrameType,
  HEADER_BYTES,
  MAGIC,
} from "../../wire/frame.ts";
import { Turn } from "../../wire/turn.ts";
import type { LivingStack } from "../living_stack.ts";
import type { Outgoing } from "./outgoing.ts";
import type { AgentPort } from "./port.ts";

/** Bytes before the payload's length counts: magic and the length itself. */
const UNCOUNTED = HEADER_BYTES - COUNTED_HEADER_BYTES;

/** The link ended by a fault of its own: a read failed, or brought no frames. */
export class LinkFault extends Error {
  override name = "LinkFault";
  /** What happened, for people. */
  readonly fault: Error;

  constructor(fault: Error) {
    super(fault.message);
    this.fault = fault;
  }
}

/** Options of an {@linkcode Incoming}. */
export interface IncomingOptions {
  readonly stack: LivingStack;
  readonly port: AgentPort;
  /** Told of what was taken, and of credits. */
  readonly out: Outgoing;
  /** Whether packets go to the stack from the start; else they are dropped. */
  readonly isStarted: boolean;
  /** Takes the payload of a control frame; valid only during the call. */
  readonly onControl: (payload: Uint8Array) => void;
}

/** The input of one link, from its start to its end. */
export class Incoming {
  readonly #options: IncomingOptions;
  readonly #released = Promise.withResolvers<void>();
  #isStarted: boolean;
  #isStopped = false;
  #reads = 0;
  #onRead: (() => void) | undefined;
  /** Bytes of credits in the read at hand, and the payload of the last. */
  #creditBytes = 0;
  #credit: Uint8Array | undefined;

  /** Reads nothing yet. */
  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#isStarted = options.isStarted;
  }

  /** Settles after the end, when nothing reads into the stack's memory any more. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Reads that brought something so far: while that stays the same, nothing comes. */
  get reads(): number {
    return this.#reads;
  }

  /** Calls `onRead` once, when the next read brings something, before that is used. */
  onNextRead(onRead: () => void): void {
    this.#onRead = onRead;
  }

  /** From now on packets go to the stack. */
  start(): void {
    this.#isStarted = true;
  }

  /** What still comes is not looked at. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Reads until the end of the input. Rejects with a {@linkcode LinkFault}. */
  async run(): Promise<void> {
    const reads: Read[] = [];
    try {
      reads.push(this.#read(), this.#read());
      await this.#readAll(reads);
    } finally {
      this.#release(reads);
    }
  }

  async #readAll(reads: Read[]): Promise<void> {
    const { stack, out } = this.#options;
    let kept = 0;
    let large: Large | undefined;
    // In the manager's process a link that is never empty would leave others no time, and
    // in a process of its own nothing to the sockets.
    const turn = new Turn(systemPace);
    for (;;) {
      const next = reads[1]!;
      let got: number | null;
      try {
        got = await reads[0]!.done;
      } catch (error) {
        if (this.#isStopped) return;
        throw new LinkFault(error as Error);
      }
      if (got === null || this.#isStopped) return;
      this.#reads++;
      if (this.#onRead) this.#heard();
      idleMemory.moved(got);
      const read = reads[0] = moved(reads[0]!, stack.current, kept + got, kept);
      const { buffer, stack: current } = read;
      turn.begin();
      let at = buffer.address - kept;
      let length = kept + got;
      kept = 0;
      this.#creditBytes = 0;
      let took = 0;
      if (large) {
        const used = large.add(current.memory.subarray(at, at + length));
        at += used;
        length -= used;
        took = used;
        if (large.isWhole) {
          this.#takeLarge(large.bytes);
          large = undefined;
        }
      }
      const used = this.#process(current, buffer, at, length);
      if (this.#credit) out.came(this.#credit);
      this.#credit = undefined;
      at += used;
      length -= used;
      took += used - this.#creditBytes;
      if (length > next.buffer.headroom) {
        large = new Large(current.memory.subarray(at, at + length));
        took += length;
      } else if (length > 0) {
        const unfinished = current.memory.subarray(at, at + length);
        next.stack.memory.set(unfinished, next.buffer.address - length);
        kept = length;
      }
      if (!current.broken) current.releaseInput(buffer);
      reads.shift();
      reads.push(this.#read());
      stack.attempt((current) => current.dispatch());
      out.took(took);
      turn.end();
      if (turn.isOver()) await turn.rest();
    }
  }

  #heard(): void {
    const onRead = this.#onRead;
    this.#onRead = undefined;
    onRead?.();
  }

  #read(): Read {
    const { stack: { current: stack }, port } = this.#options;
    const buffer = stack.takeInput();
    const done = port.read(buffer.body);
    done.catch(() => {}); // looked at in its turn
    return { stack, buffer, done };
  }

  /** Gives the buffers back when no read writes to them any more. */
  async #release(reads: readonly Read[]): Promise<void> {
    await Promise.allSettled(reads.map(({ done }) => done));
    for (const { stack, buffer } of reads) {
      if (!stack.broken) stack.releaseInput(buffer);
    }
    this.#released.resolve();
  }

  /** Handles the frames from `at` on and returns the bytes of whole frames. */
  #process(stack: Stack, buffer: InputBuffer, at: number, length: number): number {
    const start = at;
    const end = at + length;
    while (end - at >= HEADER_BYTES) {
      if (this.#isStarted && !stack.broken) {
        at += this.#options.stack.attempt(() => stack.input(buffer, at, end - at)) ?? 0;
        if (end - at < HEADER_BYTES) break;
      }
      const { memory } = stack;
      const size = memory[at + 1]! << 16 | memory[at + 2]! << 8 | memory[at + 3]!;
      if (memory[at] !== MAGIC || size < COUNTED_HEADER_BYTES) {
        const bytes = memory.subarray(at, Math.min(end, at + 32));
        throw new LinkFault(new Error(`Not a frame: ${shown(bytes)}`));
      }
      const frameEnd = at + UNCOUNTED + size;
      if (frameEnd > end) break;
      const type = memory[at + 4]! << 8 | memory[at + 5]!;
      if (type === FrameType.JSON) {
        this.#options.onControl(memory.subarray(at + HEADER_BYTES, frameEnd));
      } else if (type === FrameType.CREDIT && this.#isStarted) {
        this.#creditBytes += frameEnd - at;
        // The last of a read says all that those before it say.
        this.#credit = memory.subarray(at + HEADER_BYTES, frameEnd);
      }
      // A packet before the configuration or that broke the stack, or a type from the future.
      at = frameEnd;
    }
    return at - start;
  }

  #takeLarge(frame: Uint8Array): void {
    if ((frame[4]! << 8 | frame[5]!) === FrameType.JSON) {
      this.#options.onControl(frame.subarray(HEADER_BYTES));
    }
  }
}

/** A read under way into memory of a stack. */
interface Read {
  readonly stack: Stack;
  readonly buffer: InputBuffer;
  readonly done: Promise<number | null>;
}

/** A read, in memory of the current stack: `length` bytes from `kept` before it. */
function moved(read: Read, current: Stack, length: number, kept: number): Read {
  if (read.stack === current) return read;
  const buffer = current.takeInput();
  const from = read.buffer.address - kept;
  current.memory.set(
    read.stack.memory.subarray(from, from + length),
    buffer.address - kept,
  );
  return { ...read, stack: current, buffer };
}

/** A frame larger than a read buffer: gathered in a buffer of exactly its size. */
class Large {
  readonly bytes: Uint8Array;
  #filled = 0;

  constructor(begin: Uint8Array) {
    const size = begin[1]! << 16 | begin[2]! << 8 | begin[3]!;
    this.bytes = new Uint8Array(UNCOUNTED + size);
    this.add(begin);
  }

  get isWhole(): boolean {
    return this.#filled === this.bytes.length;
  }

  /** Takes the bytes that belong to the frame and returns their number. */
  add(bytes: Uint8Array): number {
    const part = bytes.subarray(0, this.bytes.length - this.#filled);
    this.bytes.set(part, this.#filled);
    this.#filled += part.length;
    return part.length;
  }
}

function shown(bytes: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(bytes).replace(/[^ -~]/g, ".");
  return `${bytes.toHex()} "${text}"`;
}
