/**
 * Stay: the time for which an agent is there without a link, and what the user is told of it.
 *
 * @module
 */

import type { Clock } from "../../link/clock.ts";

/** Options of a {@linkcode Stay}. */
export interface StayOptions<Report> {
  readonly clock: Clock;
  /** Milliseconds until a report is told, in which `end` makes it void. */
  readonly delay: number;
  /** Takes a report. */
  tell(report: Report): void;
}

/** The time of an agent, from the end of a link to the next. */
export class Stay<Report> {
  readonly #options: StayOptions<Report>;
  #until = 0;
  #cancel = () => {};
  /** The report that waits for a moment. */
  #untold: { readonly report: Report; readonly cancel: () => void } | undefined;

  constructor(options: StayOptions<Report>) {
    this.#options = options;
  }

  /** Milliseconds of its time that are left. */
  get left(): number {
    return Math.max(0, this.#until - this.#options.clock.now());
  }

  /** Begins: the agent is there until a time of the clock, when `over` is called. */
  begin(until: number, over: () => void): void {
    this.#until = until;
    this.#cancel();
    this.#cancel = this.#options.clock.after(this.left, over);
  }

  /** Tells a report in a moment, behind those before. */
  tellSoon(report: Report): void {
    this.tellNow();
    const { clock, delay } = this.#options;
    const cancel = clock.after(delay, () => this.tellNow());
    this.#untold = { report, cancel };
  }

  /** Tells now what would be told in a moment. */
  tellNow(): void {
    const untold = this.#untold;
    this.#untold = undefined;
    untold?.cancel();
    if (untold) this.#options.tell(untold.report);
  }

  /** It is over: what would be told in a moment is told. */
  end(): void {
    this.tellNow();
    this.#cancel();
  }

  /** Nobody wants to know any more. */
  forget(): void {
    this.#untold?.cancel();
    this.#untold = undefined;
    this.#cancel();
  }
}
