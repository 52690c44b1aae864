/**
 * Moves bytes between a stack and the ports of links, of which there is one at a time.
 *
 * Input: see `incoming.ts`.
 *
 * Output: a single write at a time. During a write the stack fills its other buffer, and
 * everything that gathered goes with the next write: one write per turn of the event loop
 * at the most. How much that may be is for `outgoing.ts` to say.
 *
 * Links: each begins with a frame and with credits of its own; what the last one left
 * unfinished is void. While there is none, packets that the stack makes are taken and
 * dropped, so that nothing clogs, and control frames are kept for the next link, which
 * gets them first. The fault of a link ends that link and not the pump.
 *
 * Timers: a single one, and only while the stack says that something waits for time.
 *
 * If the stack breaks, the run of packets at hand is lost and the rest goes to the new
 * instance. Bytes being read, or written, at that time lie in the old instance's memory,
 * which is still there.
 *
 * @module
 */

import { idleMemory } from "../../link/idle_memory.ts";
import type { Frame } from "../../wire/frame.ts";
import { Incoming, LinkFault } from "./incoming.ts";
import type { LivingStack } from "../living_stack.ts";
import { Outgoing } from "./outgoing.ts";
import type { AgentPort } from "./port.ts";

/**
 * Control frames that wait for a slow link; if more, the manager is not listening. Without
 * a link the oldest are lost then.
 */
const MOST_CONTROL_BYTES = 4 << 20;
const TICK_MS = 50;
/**
 * Microtasks that pass before output is written. What else comes of the same read, such as
 * the bytes of a socket that was waiting for the connection to open, is a few promises away
 * and goes with the same write.
 */
const FLUSH_HOPS = 16;

/** Options of a {@linkcode Pump}. */
export interface PumpOptions {
  /** Takes the payload of a control frame; valid only during the call. */
  readonly onControl: (payload: Uint8Array) => void;
  /** The pump failed, see {@linkcode Pump.fail}. */
  readonly onFailed?: () => void;
}

/** How a link begins. */
export interface LinkBegin {
  /** Bytes of the link that were read already. Default 0. */
  readonly taken?: number;
  /** Goes over the link ahead of all that waits. */
  readonly first?: Frame;
  /** Called when packets go over the link from now on. */
  readonly begun?: () => void;
}

/** A link that is carried. */
class Carried {
  readonly port: AgentPort;
  readonly out: Outgoing;
  readonly input: Incoming;
  /** Why the link broke. */
  fault: Error | undefined;
  #isClosed = false;

  constructor(
    port: AgentPort,
    { out, input }: { readonly out: Outgoing; readonly input: Incoming },
  ) {
    this.port = port;
    this.out = out;
    this.input = input;
  }

  /** Whether this side has ended the link. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ends both directions. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.input.stop();
    this.out.stop();
    this.port.close();
  }
}

/** Moves bytes between a stack and links. */
export class Pump {
  readonly #onControl: (payload: Uint8Array) => void;
  readonly #onFailed: (() => void) | undefined;
  readonly #control: Uint8Array[] = [];
  #controlBytes = 0;
  /** Control frames that were lost for want of a link. */
  #lost = 0;
  /** Those who wait for the output of now to be taken. */
  #waiting: (() => void)[] = [];
  #stack: LivingStack | undefined;
  #link: Carried | undefined;
  #last: Carried | undefined;
  #started = false;
  #writing = false;
  /** Whether packets are under way with that write. */
  #writesPackets = false;
  #scheduled = false;
  /** Microtasks until the flush. */
  #hops = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #failure: unknown;
  #stopGiving: (() => void) | undefined;

  constructor({ onControl, onFailed }: PumpOptions) {
    this.#onControl = onControl;
    this.#onFailed = onFailed;
  }

  /** Takes the stack; before anything else. */
  use(stack: LivingStack): void {
    this.#stack = stack;
    this.#stopGiving = idleMemory.onQuiet((give) => {
      stack.attempt((current) => current.freedMemory().forEach(give));
    });
  }

  /** Why the pump failed. */
  get failure(): unknown {
    return this.#failure;
  }

  /** What the present link brings. */
  get input(): Incoming | undefined {
    return this.#link?.input;
  }

  /** Control frames that were lost for want of a link, and are not to be told again. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  /**
   * Carries a link until its end, and closes its port. The value is the fault that ended
   * the link, with the bytes if its input is not the protocol; undefined at an end of
   * input, or after `leave` or `stop`. Rejects if the pump fails.
   */
  async carry(
    port: AgentPort,
    { taken = 0, first, begun }: LinkBegin = {},
  ): Promise<Error | undefined> {
    const stack = this.#stack!;
    // Not before the last link's reads let go: theirs are two of few buffers.
    if (this.#last) await this.#last.input.released;
    if (this.#failure) throw this.#failure;
    if (this.#stopped) {
      port.close();
      return undefined;
    }
    const onOpened = () => this.touched();
    const out = new Outgoing({ stack, onOpened, last: this.#last?.out });
    const link = new Carried(port, {
      out,
      input: new Incoming({
        stack,
        port,
        out,
        isStarted: this.#started,
        onControl: this.#onControl,
      }),
    });
    this.#link = link;
    if (first) this.#putFirst(first.bytes);
    if (taken > 0) out.took(taken);
    begun?.();
    if (this.#control.length > 0) this.touched();
    try {
      await link.input.run();
      if (this.#failure) throw this.#failure;
      return link.fault;
    } catch (error) {
      if (this.#failure) throw this.#failure;
      if (!(error instanceof LinkFault)) throw error;
      return link.fault ?? error.fault;
    } finally {
      this.#unlink(link);
    }
  }

  /** Ends the link that is carried now, if any. */
  leave(): void {
    this.#link?.close();
  }

  /** The link is over: its port is closed, and a write under way counts as done. */
  #unlink(link: Carried): void {
    this.#last = link;
    this.#link = undefined;
    link.close();
    if (this.#stopped || !this.#writing) return;
    this.#writing = false;
    const { current } = this.#stack!;
    // A control frame is still in front, and is sent again.
    if (this.#writesPackets && !current.broken) current.outputDone();
    this.touched();
  }

  /** From now on packets go to the stack; before, they are dropped. */
  start(): void {
    this.#started = true;
    this.#link?.input.start();
    this.#stack?.current.poll(performance.now());
  }

  /** Sends a control frame, ahead of packets that wait. */
  send(frame: Frame): void {
    if (this.#stopped) return;
    this.#control.push(frame.bytes);
    this.#controlBytes += frame.bytes.length;
    if (this.#controlBytes > MOST_CONTROL_BYTES) this.#tooMuch();
    this.touched();
  }

  #putFirst(bytes: Uint8Array): void {
    this.#control.unshift(bytes);
    this.#controlBytes += bytes.length;
  }

  /** More control frames wait than are kept. */
  #tooMuch(): void {
    if (this.#link) {
      const why = "The manager does not read: 4 MiB of control messages wait";
      return this.#breakOff(this.#link, new Error(why));
    }
    while (this.#controlBytes > MOST_CONTROL_BYTES) {
      this.#controlBytes -= this.#control.shift()!.length;
      this.#lost++;
    }
  }

  /** The link has a fault, and ends. */
  #breakOff(link: Carried, fault: Error): void {
    if (link.isClosed) return;
    link.fault = fault;
    link.close();
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

  /** Ends as `stop` does; `carry` rejects with `error`, now and later. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.stop();
    this.#onFailed?.();
  }

  /** Ends timers and writes nothing more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#stopGiving?.();
    this.#link?.close();
    this.#tellSent();
  }

  #tellSent(): void {
    if (this.#waiting.length === 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
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
    const link = this.#link;
    if (!link) return this.#drop(stack);
    const control = this.#control[0];
    const { current } = stack;
    if (control) link.out.sent(control.length);
    const output = control ?? link.out.take();
    // A full buffer may have kept packets back, so only an empty buffer tells.
    if (!output) {
      if (!link.out.isHeldBack) this.#tellSent();
      return;
    }
    this.#writing = true;
    this.#writesPackets = control === undefined;
    link.port.write(output).then(() => {
      if (link !== this.#link) return; // that counted as done at the link's end
      if (control) {
        this.#control.shift();
        this.#controlBytes -= control.length;
      } else if (!current.broken) current.outputDone();
      this.#writing = false;
      this.#flush();
    }, (error) => this.#breakOff(link, error));
  }

  /** Without a link packets go nowhere. */
  #drop(stack: LivingStack): void {
    while (stack.takeOutput()) {
      if (!stack.current.broken) stack.current.outputDone();
    }
    this.#tellSent();
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
