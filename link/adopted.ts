/**
 * One link while a channel uses it: its writer, its reader, whether its peer lives, and
 * its end.
 *
 * ## Theory of operation
 *
 * Two loops run from construction on: the queue's writer drains into the link, and a
 * reader decodes input into batches, which `carry` takes to their end.
 *
 * *Over.* The first of these decides: the link closed; its output ended, or failed; its
 * input failed; the input was no frame, or no control message; the peer fell silent;
 * `end` was called. The bytes often stop a moment before `closed` settles. The exit is
 * the better reason, so `AdoptedLink` waits: 1 s, or 0.2 s after nonsense, which is
 * reason enough. The other way round, the last input is read for 1 s after the link
 * closed.
 *
 * *Ended.* An orderly end closes the link's input and gives the peer 0.6 s to go by
 * itself. After that, and for any other reason, the link is aborted. No wait is longer
 * than 2.5 s: the 2 s in which a link has to be gone, and some.
 *
 * @module
 */

import { ControlError } from "../wire/control/control.ts";
import { FrameDecoder, FrameError } from "../wire/decoder.ts";
import { encodeCredit } from "../wire/credit.ts";
import { type Frame, FrameType } from "../wire/frame.ts";
import { messageOf } from "../wire/text.ts";
import { Turn } from "../wire/turn.ts";
import { type Clock, paceOf, within } from "./clock.ts";
import { decode } from "./decode.ts";
import type { Link, LinkExit } from "./link.ts";
import { Liveness, type LivenessOptions } from "./liveness.ts";
import type { LinkQueue } from "./queue/queue.ts";
import { streamFault } from "./stream_fault.ts";
import { Credits } from "./window/credits.ts";
import type { PathEstimate, SendWindow, WindowStatus } from "./window/window.ts";

/** Milliseconds a peer has to end by itself once its input ended. */
const CLOSE_GRACE = 600;
/**
 * Milliseconds for a link to settle `closed` after an abort: the contract's 2 s, and
 * some.
 */
export const ABORT_LIMIT = 2500;
/**
 * Milliseconds for the exit to be known after the bytes stopped, and the other way round:
 * a command's link ends with the last process that the command left behind.
 */
const EXPLAIN_GRACE = 1000;
/** The same after nonsense, which is reason enough. */
const FAULT_GRACE = 200;
/**
 * Milliseconds in which a peer that answers must take something of what it was sent: as long
 * as it may be silent.
 */
const STUCK_AFTER = 15_000;

/** Why a link is over. */
export interface Ending {
  /** To stand after `the link ended: `. */
  readonly reason: string;
  /** Whether the input was nonsense. */
  readonly isFault?: boolean;
  /** Whether the fault is only that the input ended in the middle of a frame. */
  readonly isCut?: boolean;
  /** Whether we end the link in an orderly way: by the end of its input, first. */
  readonly isOrderly?: boolean;
  /** The exit of the link, if known in time. */
  readonly exit?: LinkExit;
}

/**
 * Takes the batches of a link to their end: packets go on their way, control frames go to
 * `onControl`. Rejects with the errors of `onControl`.
 */
export type Carry = (
  batches: AsyncIterable<Frame[]>,
  onControl: (frame: Frame) => void,
) => Promise<void>;

/** Options of an {@linkcode AdoptedLink}. */
export interface AdoptedOptions {
  readonly clock: Clock;
  /** The frames to write; closed with the link. */
  readonly queue: LinkQueue;
  /** Bytes of the longest frame that may come, its header included. */
  readonly frameLimit: number;
  /** What the last link to the peer learned of its path. */
  readonly path?: PathEstimate | undefined;
  readonly carry: Carry;
  /** Takes the payload of each control frame that comes before the link is over. */
  control(payload: Uint8Array): void;
  /** Text came before the first frame. */
  banner(text: string): void;
  /** The link is over; called once. */
  over(ending: Ending): void;
}

/** Uses a link from construction until {@linkcode AdoptedLink.ended}. */
export class AdoptedLink {
  /**
   * Settles when nothing of the link is left, with its exit, or undefined if the exit is
   * not known. Never rejects.
   */
  readonly ended: Promise<LinkExit | undefined>;
  readonly #link: Link;
  readonly #options: AdoptedOptions;
  readonly #ending = Promise.withResolvers<Ending>();
  readonly #stopReading = new AbortController();
  readonly #decoder: FrameDecoder;
  readonly #writing: Promise<void>;
  readonly #reading: Promise<void>;
  readonly #credits: Credits;
  #liveness: Liveness | undefined;
  #isOver = false;
  #receivedBytes = 0;
  /** Text before the first frame. */
  #banner = "";

  constructor(link: Link, options: AdoptedOptions) {
    this.#link = link;
    this.#options = options;
    this.#decoder = new FrameDecoder({
      frameLimit: options.frameLimit,
      onBanner: (text) => options.banner(this.#banner = text),
    });
    const { clock, queue, path } = options;
    let gate: SendWindow | undefined;
    this.#credits = new Credits({
      clock,
      path,
      send: (taken, every) => queue.push(encodeCredit({ taken, every })),
      opened(window) {
        if (gate !== window) queue.setWindow(gate = window);
        else queue.opened();
      },
    });
    this.#writing = options.queue.drain(link.writable, {
      releases: link.releasesChunks ?? false,
      pace: paceOf(options.clock),
    }).catch((error) =>
      this.#stopped({ reason: `cannot write to it: ${messageOf(error)}` })
    );
    this.#reading = this.#read().then(
      () => this.#stopped({ reason: "its output ended" }),
      (error) => this.#stopped(this.#faultOf(error)),
    );
    link.closed.then(async (exit) => {
      // The last input may tell more than the exit.
      await this.#within(EXPLAIN_GRACE, this.#reading);
      this.end({ reason: exit.reason, exit });
    });
    this.ended = this.#ending.promise.then((ending) => this.#letGo(ending));
  }

  /** Whether the link is over or ending. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * The fault in the bytes so far, as a clause for the user, if no answer is among them.
   */
  get fault(): string | undefined {
    const { came, size } = this.#decoder.unfinished ?? { came: 0, size: 0 };
    if (size === 0) return streamFault(new Uint8Array(), this.#decoder.banner);
    return `only ${came} of the ${size} bytes of a frame came: bytes were lost on the way`;
  }

  /** Frames of so many bytes, header included, may come from now on. */
  allow(bytes: number): void {
    this.#decoder.allow(bytes);
  }

  /**
   * Has the peer asked by `ping` for signs of life from now on, and ends the link
   * without.
   */
  watchOver(ping: () => void, options?: LivenessOptions): void {
    if (this.#isOver) return;
    this.#liveness = new Liveness(this.#options.clock, {
      ping: () => {
        if (!this.#credits.isStuckFor(STUCK_AFTER)) return ping();
        // Its answers to pings come behind what it takes.
        const reason = `it answers, and takes nothing of the link for ${
          STUCK_AFTER / 1000
        } s`;
        this.end({ reason, isFault: true });
      },
      dead: (reason) => this.end({ reason }),
    }, options);
  }

  /** When input came last, in milliseconds of the clock, if signs of life are asked for. */
  get heardAt(): number | undefined {
    return this.#liveness?.heardAt;
  }

  /** Bytes of the frames that came, without those of type CREDIT. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** The peer acknowledges what it takes of the link, and is told so in turn. */
  giveCredit(): void {
    if (!this.#isOver) this.#credits.start();
  }

  /** What was learned of the path, if the peer acknowledges. */
  get path(): PathEstimate | undefined {
    return this.#credits.window?.path;
  }

  /** The window of what goes out, as plain data, if the peer acknowledges. */
  get window(): WindowStatus | undefined {
    return this.#credits.status();
  }

  /** Ends the link; the first reason counts. */
  end(ending: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#credits.stop();
    this.#liveness?.stop();
    this.#ending.resolve(ending);
    this.#options.over(ending);
  }

  async #read(): Promise<void> {
    const batches = decode(this.#link.readable, this.#decoder, {
      signal: this.#stopReading.signal,
    });
    await this.#options.carry(this.#heard(batches), (frame) => {
      if (!this.#isOver) this.#options.control(frame.payload);
    });
  }

  async *#heard(batches: AsyncIterable<Frame[]>): AsyncGenerator<Frame[]> {
    // The stages behind look after turns, and see nothing of a link that brings credits only.
    const turn = new Turn(paceOf(this.#options.clock));
    for await (const batch of batches) {
      this.#liveness?.heard();
      turn.begin();
      const bytes = this.#withoutCredits(batch);
      turn.end();
      if (batch.length > 0) yield batch;
      else if (turn.isOver()) await turn.rest();
      this.#credits.took(bytes);
      this.#liveness?.listening();
    }
  }

  /**
   * Takes credits out of a batch, of which the last says all that those before it say.
   * Returns the bytes of all other frames.
   */
  #withoutCredits(batch: Frame[]): number {
    let credit: Frame | undefined;
    let bytes = 0;
    let kept = 0;
    for (const frame of batch) {
      if (frame.type === FrameType.CREDIT && this.#credits.isStarted) {
        credit = frame;
        continue;
      }
      bytes += frame.bytes.length;
      batch[kept++] = frame;
    }
    batch.length = kept;
    this.#receivedBytes += bytes;
    if (credit) this.#credits.came(credit.payload);
    return bytes;
  }

  #faultOf(error: unknown): Ending {
    if (!(error instanceof FrameError)) {
      return { reason: messageOf(error), isFault: error instanceof ControlError };
    }
    const { isCut } = error;
    if (isCut) return { reason: error.message, isFault: true, isCut };
    const fault = streamFault(error.bytes, this.#banner);
    return { reason: [error.message, fault].filter(Boolean).join("; "), isFault: true };
  }

  /** The bytes stopped: if the link ends just now, its exit is the better reason. */
  async #stopped(ending: Ending): Promise<void> {
    const grace = ending.isFault ? FAULT_GRACE : EXPLAIN_GRACE;
    const exit = await this.#within(grace, this.#link.closed);
    // A command that was killed may well have been in the middle of a frame.
    const { isFault, ...rest } = ending;
    const isMeant = isFault && !(ending.isCut && exit?.ok === false);
    this.end({ ...rest, ...(exit && { exit }), ...(isMeant && { isFault }) });
  }

  /**
   * Ends the link, by its input if the end is orderly, else by force, and releases the
   * link.
   */
  async #letGo(ending: Ending): Promise<LinkExit | undefined> {
    const { queue } = this.#options;
    const { closed } = this.#link;
    let { exit } = ending;
    if (ending.isOrderly) {
      queue.close();
      exit = await this.#within(CLOSE_GRACE, this.#writing.then(() => closed));
    }
    queue.discard();
    if (!exit) this.#link.abort(ending.reason);
    exit ??= await this.#within(ABORT_LIMIT, closed);
    this.#stopReading.abort();
    await this.#within(ABORT_LIMIT, Promise.allSettled([this.#reading, this.#writing]));
    return exit;
  }

  #within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
    return within(promise, { ms, clock: this.#options.clock });
  }
}
