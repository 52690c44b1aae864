/**
 * The credits of a link, as its owner uses them: the window of what goes out, and the
 * acknowledgement of what comes in.
 *
 * Bytes are counted from the start of a link, in both directions. Credits go only between
 * peers that both know them: one begins (`start`), the other does at the first credit that
 * comes. With that first credit a direction gets its window.
 *
 * @module
 */

import { CreditError, decodeCredit } from "../../wire/credit.ts";
import type { Clock } from "../clock.ts";
import { Acknowledger } from "./acknowledger.ts";
import { type PathEstimate, SendWindow, type WindowStatus } from "./window.ts";

/** Options of {@linkcode Credits}. */
export interface CreditsOptions {
  readonly clock: Clock;
  /** What the last link to the peer learned of its path. */
  readonly path?: PathEstimate | undefined;
  /** Sends a credit ahead of all that waits, see `wire/credit.ts`. */
  send(taken: number, every: number): void;
  /** A credit came: there may be room again, and frames of another size are right. */
  opened(window: SendWindow): void;
}

/** Both directions of one link. */
export class Credits {
  readonly #options: CreditsOptions;
  readonly #acknowledger: Acknowledger;
  #window: SendWindow | undefined;
  #isStarted = false;
  /** Credits that made no sense. */
  #faults = 0;

  /** For a link that begins now. */
  constructor(options: CreditsOptions) {
    this.#options = options;
    this.#acknowledger = new Acknowledger(options);
  }

  /** The window of what goes out, once the peer has sent a credit. */
  get window(): SendWindow | undefined {
    return this.#window;
  }

  /** Whether the peer takes nothing for so many ms, and nothing can be sent for that. */
  isStuckFor(ms: number): boolean {
    return (this.#window?.stuckFor(this.#options.clock.now()) ?? 0) >= ms;
  }

  /** Whether credits go over the link. */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** The peer knows credits. */
  start(): void {
    this.#isStarted = true;
    this.#acknowledger.start();
  }

  /** The link is over. */
  stop(): void {
    this.#acknowledger.stop();
  }

  /** So many bytes of the link were processed, credits not counted. */
  took(bytes: number): void {
    this.#acknowledger.took(bytes);
  }

  /** The payload of a credit came. */
  came(payload: Uint8Array): void {
    let credit;
    try {
      credit = decodeCredit(payload);
    } catch (error) {
      if (!(error instanceof CreditError)) throw error;
      this.#faults++;
      return;
    }
    const { clock, path, opened } = this.#options;
    const now = clock.now();
    this.#acknowledger.wanted(credit.every);
    if (!this.#isStarted) this.start();
    const window = this.#window ??= new SendWindow(now, path);
    opened(window); // the first time: it is told of what was sent before
    if (credit.every === 0) window.drainAlong(now);
    window.taken(credit.taken, now);
    this.#acknowledger.isUnhurried = window.isVeryFast;
    this.#acknowledger.ask(window.everyBytes);
    opened(window);
  }

  /** The window as it is now, as plain data. */
  status(): WindowStatus | undefined {
    const status = this.#window?.status();
    return status && { ...status, faults: status.faults + this.#faults };
  }
}
