/**
 * Moves bytes between a port and a stack.
 *
 * Input: buffers of the stack's memory are read into by turns, so that a read is under way
 * while the last one is processed; the frame a read left unfinished is put in front of the
 * next. Runs of packets go to lwIP as they lie; other frames are handed out.
 *
 * Output: one write at a time. While it is under way the stack fills its other buffer, and
 * everything that gathered goes with the next write: one write per turn of the event loop
 * at the most.
 *
 * Timers: one, and only while the stack says that something waits for time.
 */
import type { InputBuffer, Stack } from "../stack/stack.ts";
import {
  COUNTED_HEADER_BYTES,
  type Frame,
  FrameType,
  HEADER_BYTES,
  MAGIC,
} from "../wire/frame.ts";
import { systemPace } from "../transports/pace.ts";
import { Turn } from "../wire/turn.ts";
import type { AgentPort } from "./port.ts";

/** Bytes before the payload's length counts: magic and the length itself. */
const UNCOUNTED = HEADER_BYTES - COUNTED_HEADER_BYTES;
/** Control frames that wait for a slow link; beyond it the manager is not listening. */
const MOST_CONTROL_BYTES = 4 << 20;
const TICK_MS = 50;

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
  #stack: Stack | undefined;
  #started = false;
  #writing = false;
  #scheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #failure: unknown;

  constructor(options: PumpOptions) {
    this.#port = options.port;
    this.#onControl = options.onControl;
  }

  /**
   * Reads until the input ends. Rejects if the link fails, or with an Error that shows the
   * bytes if what comes is not the protocol.
   */
  async run(stack: Stack): Promise<void> {
    this.#stack = stack;
    let next = stack.takeInput();
    let kept = 0;
    let large: Large | undefined;
    // In the manager's process a link that is never empty would leave others no time, and
    // in a process of its own nothing to the sockets.
    const turn = new Turn(systemPace);
    let read = this.#port.read(next.body);
    read.catch(() => {}); // looked at in its turn
    try {
      for (;;) {
        const got = await read;
        if (this.#failure) throw this.#failure;
        if (got === null || this.#stopped) return;
        const buffer = next;
        next = stack.takeInput();
        read = this.#port.read(next.body);
        read.catch(() => {});
        turn.begin();
        let at = buffer.address - kept;
        let length = kept + got;
        kept = 0;
        if (large) {
          const used = large.add(stack.memory.subarray(at, at + length));
          at += used;
          length -= used;
          if (large.isWhole) {
            this.#takeLarge(large.bytes);
            large = undefined;
          }
        }
        const used = this.#process(buffer, at, length);
        at += used;
        length -= used;
        if (length > next.headroom) {
          large = new Large(stack.memory.subarray(at, at + length));
        } else if (length > 0) {
          stack.memory.copyWithin(next.address - length, at, at + length);
          kept = length;
        }
        stack.releaseInput(buffer);
        stack.dispatch();
        turn.end();
        if (turn.isOver()) await turn.rest();
      }
    } catch (error) {
      throw this.#failure ?? error;
    } finally {
      this.stop();
    }
  }

  /** From now on packets go to the stack; before, they are dropped. */
  start(): void {
    this.#started = true;
    this.#stack?.poll(performance.now());
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

  /** Something may have made output or want a timer: see to it in this turn. */
  touched(): void {
    if (this.#timer === undefined && !this.#stopped) {
      this.#timer = setTimeout(() => this.#tick(), TICK_MS);
    }
    if (this.#scheduled || this.#writing || this.#stopped) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

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
    this.#port.close();
  }

  /** Handles what begins at `at` and returns the bytes of whole frames. */
  #process(buffer: InputBuffer, at: number, length: number): number {
    const stack = this.#stack!;
    const start = at;
    const end = at + length;
    while (end - at >= HEADER_BYTES) {
      if (this.#started) {
        at += stack.input(buffer, at, end - at);
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
      if ((memory[at + 4]! << 8 | memory[at + 5]!) === FrameType.JSON) {
        this.#onControl(memory.subarray(at + HEADER_BYTES, frameEnd));
      }
      at = frameEnd; // a packet before the configuration, or a type from the future
    }
    return at - start;
  }

  #takeLarge(frame: Uint8Array): void {
    if ((frame[4]! << 8 | frame[5]!) === FrameType.JSON) {
      this.#onControl(frame.subarray(HEADER_BYTES));
    }
  }

  /** Tells what happened, and writes what is there unless a write is under way. */
  #flush(): void {
    try {
      this.#flushOrThrow();
    } catch (error) {
      this.fail(error);
    }
  }

  #flushOrThrow(): void {
    if (this.#stopped) return;
    this.#stack!.dispatch();
    if (this.#writing) return;
    const control = this.#control.shift();
    const output = control ?? this.#stack!.takeOutput();
    if (!output) return;
    this.#writing = true;
    this.#port.write(output).then(() => {
      if (control) this.#controlBytes -= control.length;
      else this.#stack!.outputDone();
      this.#writing = false;
      this.#flush();
    }, (error) => this.fail(error));
  }

  #tick(): void {
    this.#timer = undefined;
    let wait: number;
    try {
      wait = this.#stack!.poll(performance.now());
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

  /** Takes what belongs to the frame and returns how many bytes that was. */
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
