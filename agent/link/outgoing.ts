/**
 * Outgoing: what of a stack's output may go to a link now, by the link's window.
 *
 * Without a window, which comes with the first credit, all of it may. With one, nothing
 * but credits while the window is full; and the stack's output is fitted to the window, so
 * that what waits there is small beside it.
 *
 * @module
 */

import { systemClock } from "../../link/clock.ts";
import { Credits } from "../../link/window/credits.ts";
import type { PathEstimate, SendWindow } from "../../link/window/window.ts";
import { HEADER_BYTES } from "../../wire/frame.ts";
import type { LivingStack } from "../living_stack.ts";

/** The stack's output is fitted anew if the window or its frames changed by more than this share. */
const WORTH_A_CHANGE = 0.1;
/** The most of a window that waits in the stack's output. */
const WRITE_SHARE = 1 / 8;
/** Or so many ms of the link's rate: on fast links large writes are what makes them fast. */
const WRITE_MS = 2;
/** A frame of a segment without options is so much longer than its data. */
const OVERHEAD_BYTES = HEADER_BYTES + 40;

/** Options of an {@linkcode Outgoing}. */
export interface OutgoingOptions {
  readonly stack: LivingStack;
  /** A credit came: more may go than before. */
  readonly onOpened: () => void;
  /** That of the link before, if any: the path is likely to be the same. */
  readonly last: Outgoing | undefined;
}

interface Fit {
  readonly bytes: number;
  readonly frameBytes: number;
}

function isOther(value: number, before: number): boolean {
  return Math.abs(value / before - 1) > WORTH_A_CHANGE;
}

/** The output to one link, from its start to its end. */
export class Outgoing {
  readonly #stack: LivingStack;
  readonly #onOpened: () => void;
  readonly #credits: Credits;
  /** What the last link learned of the path. */
  readonly #path: PathEstimate | undefined;
  /** Bytes given to the link before it had a window. */
  #sentBefore = 0;
  #isHeldBack = false;
  /** The window, and its frames, that the stack's output was fitted to. */
  #fittedTo: Fit;

  /** For a link that begins now. */
  constructor({ stack, onOpened, last }: OutgoingOptions) {
    this.#stack = stack;
    this.#onOpened = onOpened;
    this.#path = last?.path;
    this.#fittedTo = last === undefined ? { bytes: 1, frameBytes: 1 } : last.#fittedTo;
    this.#credits = new Credits({
      clock: systemClock,
      path: this.#path,
      send: (taken, every) => {
        stack.attempt((current) => current.putCredit(taken, every));
      },
      opened: (window) => this.#opened(window),
    });
  }

  /** What is known of the path. */
  get path(): PathEstimate | undefined {
    return this.#credits.window?.path ?? this.#path;
  }

  /** Whether packets wait for the window since the last {@linkcode take}. */
  get isHeldBack(): boolean {
    return this.#isHeldBack;
  }

  /** The payload of a credit came. */
  came(payload: Uint8Array): void {
    this.#credits.came(payload);
  }

  /** So many bytes of the link were processed, credits not counted. */
  took(bytes: number): void {
    this.#credits.took(bytes);
  }

  /** The output to write now: all, only what a window never holds back, or nothing. */
  take(): Uint8Array | undefined {
    const stack = this.#stack;
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
    if (sent > 0) this.sent(sent);
    return output;
  }

  /** So many bytes of other frames go to the link. */
  sent(bytes: number): void {
    const { window } = this.#credits;
    if (!window) this.#sentBefore += bytes;
    else window.sent(bytes, performance.now(), this.#stack.current.waiting().bytes > 0);
  }

  /** The link is over: no credit is sent any more. */
  stop(): void {
    this.#credits.stop();
  }

  /** A credit came: what the window says now holds for the stack's output. */
  #opened(window: SendWindow): void {
    if (this.#sentBefore > 0) {
      window.began(this.#sentBefore);
      this.#sentBefore = 0;
    }
    const { bytes, frameBytes } = window;
    const fit = this.#fittedTo;
    if (isOther(bytes, fit.bytes) || isOther(frameBytes, fit.frameBytes)) {
      this.#fittedTo = { bytes, frameBytes };
      // What waits goes with one write, which must not be large beside the window.
      const { rate } = window.path;
      const limit = Math.max(frameBytes, bytes * WRITE_SHARE, rate * WRITE_MS);
      this.#stack.limitOutput(limit, frameBytes - OVERHEAD_BYTES);
    }
    this.#onOpened();
  }
}
