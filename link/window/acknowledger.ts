/**
 * The acknowledger: sends credits for what is taken of a link, at the times that
 * {@linkcode Taken} says.
 *
 * One timer at most, whatever the number of reads: a timer that finds its credit sent
 * already lapses, or is set anew for the next. Nothing is armed while nothing is taken.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { Taken } from "./taken.ts";

/** A timer that would be late by no more than this stays as it is, in ms. */
const SLACK_MS = 1;

/** Options of an {@linkcode Acknowledger}. */
export interface AcknowledgerOptions {
  /** Time and timers. */
  readonly clock: Clock;
  /**
   * Sends a credit ahead of everything that waits, whatever the window says: bytes taken
   * since the link began, and bytes after which a credit is wanted in turn.
   */
  send(taken: number, every: number): void;
}

/** Counts from the start of a link; tells only after {@linkcode Acknowledger.start}. */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  readonly #taken = new Taken();
  #isTelling = false;
  #timerAt = Infinity;
  #cancel: (() => void) | undefined;

  /** For a link that begins now. */
  constructor(options: AcknowledgerOptions) {
    this.#options = options;
  }

  /** The peer knows credits: the first is sent at once, the others when they are due. */
  start(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#tell(this.#options.clock.now());
  }

  /** No credit is sent any more, and no timer runs. */
  stop(): void {
    this.#isTelling = false;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** A read was processed, in which `bytes` came, credits not counted. */
  took(bytes: number): void {
    const now = this.#options.clock.now();
    this.#taken.took(bytes, now);
    if (this.#isTelling) this.#look(now);
  }

  /** The peer wants a credit after so many bytes; 0: at once. */
  wanted(every: number): void {
    this.#taken.every = every;
  }

  /** Whether the link is so fast that few bytes may wait longer for their credit. */
  set isUnhurried(isUnhurried: boolean) {
    this.#taken.isUnhurried = isUnhurried;
  }

  /** A credit is wanted of the peer after so many bytes from now on. */
  ask(every: number): void {
    if (every === this.#taken.asked) return;
    this.#taken.ask(every);
    if (this.#isTelling) this.#look(this.#options.clock.now());
  }

  #look(now: number): void {
    const due = this.#taken.due(now);
    if (due <= now) this.#tell(now);
    else if (due < this.#timerAt - SLACK_MS) this.#arm(due, now);
  }

  #tell(now: number): void {
    this.#taken.tell(now);
    this.#options.send(this.#taken.total, this.#taken.asked);
  }

  #arm(due: number, now: number): void {
    this.#cancel?.();
    this.#timerAt = due;
    this.#cancel = this.#options.clock.after(Math.ceil(due - now), () => {
      this.#timerAt = Infinity;
      this.#cancel = undefined;
      this.#look(this.#options.clock.now());
    });
  }
}
