/**
 * Moves bytes between a port and a stack.
 *
 * Input: buffers of the stack's memory are read into by turns, so that a read is under
 * way while the last is processed, and the next is asked for before the present read
 * ends; the frame a read left unfinished is put in front of the next. Runs of packets go
 * to lwIP as they lie; other frames are handed out.
 *
 * Output: a single write at a time. During a write the stack fills its other buffer, and
 * everything that gathered goes with the next write: one write per turn of the event loop
 * at the most.
 *
 * Timers: a single one, and only while the stack says that something waits for time.
 *
 * If the stack breaks, the run of packets at hand is lost and the rest goes to the new
 * instance. Bytes being read, or written, at that time lie in the old instance's memory,
 * which is still there.
 *
 * @module
 */

import type { InputBuffer, Stack } from "../stack/stack.ts";
import {
  COUNTED_HEADER_BYTES,
  type Frame,
  FrameType,
  HEADER_BYTES,
  MAGIC,
} from "../wire/frame.ts";
import { systemClock } from "../link/clock.ts";
import { idleMemory } from "../link/idle_memory.ts";
import { systemPace } from "../link/pace.ts";
import { Credits } from "../link/window/credits.ts";
import type { SendWindow } from "../link/window/window.ts";
import { Turn } from "../wire/turn.ts";
import type { LivingStack } from "./living_stack.ts";
import type { AgentPort } from "./port.ts";

/** Bytes before the payload's length counts: magic and the length itself. */
const UNCOUNTED = HEADER_BYTES - COUNTED_HEADER_BYTES;
/** Control frames that wait for a slow link; if more, the manager is not listening. */
const MOST_CONTROL_BYTES = 4 << 20;
const TICK_MS = 50;
/** The stack's output is fitted to a window that changed by more than this share. */
const WORTH_A_CHANGE = 0.1;
/** The most of a window that waits in the stack's output. */
const WRITE_SHARE = 1 / 8;
/** Or so many ms of the link's rate: on fast links large writes are what makes them fast. */
const WRITE_MS = 2;
/** A frame of a segment without options is so much longer than its data. */
const OVERHEAD_BYTES = HEADER_BYTES + 40;
/**
 * Microtasks that pass before output is written. What else comes of the same read, such as
 * the bytes of a socket that was waiting for the connection to open, is a few promises away
 * and goes with the same write.
 */
const FLUSH_HOPS = 16;

/** Options of a {@linkcode Pump}. */
export interface PumpOptions {
  /** The other end of the link. */
  readonly port: AgentPort;
  /** Takes the payload of a control frame; valid only during the call. */
  readonly onControl: (payload: Uint8Array) => void;
}

/** Moves bytes between a port and a stack until the input ends. */
export class Pump {
  readonly #port: AgentPort;
  readonly #onControl: (payload: Uint8Array) => void;
  readonly #control: Uint8Array[] = [];
  #controlBytes = 0;
  /** Those who wait for the output of now to be taken. */
  #waiting: (() => void)[] = [];
  #stack: LivingStack | undefined;
  #started = false;
  #writing = false;
  #scheduled = false;
  /** Microtasks until the flush. */
  #hops = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #failure: unknown;
  /** Bytes given to the link before it had a window. */
  #sentBefore = 0;
  /** Whether packets wait for the window. */
  #isHeldBack = false;
  /** The window that the stack's output was fitted to. */
  #windowBytes = 1;
  /** Bytes of credits in the read at hand, and the payload of the last. */
  #creditBytes = 0;
  #credit: Uint8Array | undefined;
  readonly #credits: Credits = new Credits({
    clock: systemClock,
    send: (taken, every) => {
      this.#stack!.attempt((current) => current.putCredit(taken, every));
    },
    opened: (window) => this.#opened(window),
  });

  constructor(options: PumpOptions) {
    this.#port = options.port;
    this.#onControl = options.onControl;
  }

  /**
   * Reads until the input ends. Rejects if the link fails, or with an Error that shows the
   * bytes if the input is not the protocol.
   */
  async run(stack: LivingStack): Promise<void> {
    this.#stack = stack;
    const reads = [this.#read(stack.current), this.#read(stack.current)];
    let kept = 0;
    let large: Large | undefined;
    // In the manager's process a link that is never empty would leave others no time, and
    // in a process of its own nothing to the sockets.
    const turn = new Turn(systemPace);
    const stopGiving = idleMemory.onQuiet((give) => {
      stack.attempt((current) => current.freedMemory().forEach(give));
    });
    try {
      for (;;) {
        const read = reads.shift()!;
        const next = reads[0]!;
        const got = await read.done;
        if (this.#failure) throw this.#failure;
        if (got === null || this.#stopped) return;
        idleMemory.moved(got);
        const { buffer, stack: current } = moved(read, stack.current, kept + got, kept);
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
        if (this.#credit) this.#credits.came(this.#credit);
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
        reads.push(this.#read(stack.current));
        stack.attempt((current) => current.dispatch());
        this.#credits.took(took);
        turn.end();
        if (turn.isOver()) await turn.rest();
      }
    } catch (error) {
      throw this.#failure ?? error;
    } finally {
      stopGiving();
      this.stop();
    }
  }

  #read(stack: Stack): Read {
    const buffer = stack.takeInput();
    const done = this.#port.read(buffer.body);
    done.catch(() => {}); // looked at in its turn
    return { stack, buffer, done };
  }

  /** From now on packets go to the stack; before, they are dropped. */
  start(): void {
    this.#started = true;
    this.#stack?.current.poll(performance.now());
  }

  /** Sends a control frame, ahead of packets that wait. */
  send(frame: Frame): void {
    if (this.#stopped) return;
    this.#controlBytes += frame.bytes.length;
    if (this.#controlBytes > MOST_CONTROL_BYTES) {
      this.fail(new Error("The manager does not read: 4 MiB of control messages wait"));
      return;
    }
    this.#control.push(frame.bytes);
    this.touched();
  }

  /**
   * Settles when the packets that the stack has made so far, or wants to make, have been
   * handed to the port: later control frames come behind them.
   */
  sent(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.touched();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Handles output and timers that a call may have caused, in this turn. */
  touched(): void {
    if (this.#timer === undefined && !this.#stopped) {
      this.#timer = setTimeout(() => this.#tick(), TICK_MS);
    }
    if (this.#scheduled || this.#writing || this.#stopped) return;
    this.#scheduled = true;
    this.#hops = FLUSH_HOPS;
    queueMicrotask(this.#hop);
  }

  readonly #hop = (): void => {
    if (this.#hops-- > 0) return queueMicrotask(this.#hop);
    this.#scheduled = false;
    this.#flush();
  };

  /** Ends as `stop` does; `run` rejects with `error`. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.stop();
  }

  /** Ends timers and writes nothing more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#credits.stop();
    this.#port.close();
    this.#tellSent();
  }

  #tellSent(): void {
    if (this.#waiting.length === 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Handles the frames from `at` on and returns the bytes of whole frames. */
  #process(stack: Stack, buffer: InputBuffer, at: number, length: number): number {
    const start = at;
    const end = at + length;
    while (end - at >= HEADER_BYTES) {
      if (this.#started && !stack.broken) {
        at += this.#stack!.attempt(() => stack.input(buffer, at, end - at)) ?? 0;
        if (end - at < HEADER_BYTES) break;
      }
      const { memory } = stack;
      const size = memory[at + 1]! << 16 | memory[at + 2]! << 8 | memory[at + 3]!;
      if (memory[at] !== MAGIC || size < COUNTED_HEADER_BYTES) {
        throw new Error(
          `Not a frame: ${shown(memory.subarray(at, Math.min(end, at + 32)))}`,
        );
      }
      const frameEnd = at + UNCOUNTED + size;
      if (frameEnd > end) break;
      const type = memory[at + 4]! << 8 | memory[at + 5]!;
      if (type === FrameType.JSON) {
        this.#onControl(memory.subarray(at + HEADER_BYTES, frameEnd));
      } else if (type === FrameType.CREDIT && this.#started) {
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
      this.#onControl(frame.subarray(HEADER_BYTES));
    }
  }

  /** A credit came: what the window says now holds for the stack's output. */
  #opened(window: SendWindow): void {
    if (this.#sentBefore > 0) {
      window.began(this.#sentBefore);
      this.#sentBefore = 0;
    }
    const { bytes, frameBytes } = window;
    if (Math.abs(bytes / this.#windowBytes - 1) > WORTH_A_CHANGE) {
      this.#windowBytes = bytes;
      // What waits goes with one write, which must not be large beside the window.
      const limit = Math.max(
        frameBytes,
        bytes * WRITE_SHARE,
        window.path.rate * WRITE_MS,
      );
      this.#stack!.limitOutput(limit, frameBytes - OVERHEAD_BYTES);
    }
    this.touched();
  }

  /** The output to write now: all, only what a window never holds back, or nothing. */
  #output(): Uint8Array | undefined {
    const stack = this.#stack!;
    const { window } = this.#credits;
    if (!window) {
      const output = stack.takeOutput();
      if (output) this.#sentBefore += output.length - stack.current.creditTaken;
      return output;
    }
    const isOpen = window.room > 0;
    this.#isHeldBack = false;
    if (!isOpen) {
      const { bytes, credit } = stack.current.waiting();
      this.#isHeldBack = bytes > credit;
      if (this.#isHeldBack) window.blocked();
      if (credit === 0) return undefined;
    }
    const output = stack.takeOutput(!isOpen);
    if (!output) return undefined;
    const sent = output.length - stack.current.creditTaken;
    if (sent > 0) this.#sent(sent);
    return output;
  }

  /** So many bytes of frames go to the link, credits not counted. */
  #sent(bytes: number): void {
    const { window } = this.#credits;
    if (!window) this.#sentBefore += bytes;
    else window.sent(bytes, performance.now(), this.#stack!.current.waiting().bytes > 0);
  }

  /** Dispatches the stack's events, and writes output unless a write is under way. */
  #flush(): void {
    try {
      this.#flushOrThrow();
    } catch (error) {
      this.fail(error);
    }
  }

  #flushOrThrow(): void {
    if (this.#stopped) return;
    const stack = this.#stack!;
    stack.attempt((current) => current.dispatch());
    if (this.#writing) return;
    const control = this.#control.shift();
    const { current } = stack;
    if (control) this.#sent(control.length);
    const output = control ?? this.#output();
    // A full buffer may have kept packets back, so only an empty buffer tells.
    if (!output) {
      if (!this.#isHeldBack) this.#tellSent();
      return;
    }
    this.#writing = true;
    this.#port.write(output).then(() => {
      if (control) this.#controlBytes -= control.length;
      else if (!current.broken) current.outputDone();
      this.#writing = false;
      this.#flush();
    }, (error) => this.fail(error));
  }

  #tick(): void {
    this.#timer = undefined;
    let wait: number;
    try {
      wait = this.#stack!.attempt((current) => current.poll(performance.now())) ?? 0;
    } catch (error) {
      return this.fail(error);
    }
    this.#flush();
    if (this.#stopped) return;
    if (wait !== Infinity && this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#tick(), Math.max(1, wait));
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
