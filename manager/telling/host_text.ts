/**
 * Host text: the lines that a host makes the mesh say, within an allowance.
 *
 * The output of a host's command, and its agent's words on its listeners, are for people
 * and go into a log. A host that writes without end would fill the disk and cost the
 * others their time, so beyond its allowance its lines are counted instead.
 *
 * @module
 */

import { Allowance, type AllowanceLimits } from "../../link/budget.ts";
import type { Clock } from "../../link/clock.ts";
import { Excess } from "./excess.ts";

/** Lines and characters of a host: a verbose start, then at most some 350 MB a day. */
export const TEXT_LIMITS: AllowanceLimits = {
  pieces: { perSecond: 20, burst: 1000 },
  bytes: { perSecond: 4096, burst: 256 * 1024 },
};

/** The lines of a host. */
export class HostText {
  readonly #clock: Clock;
  readonly #allowance: Allowance;
  readonly #excess: Excess;

  /** Tells by `leftOut` how many lines, of how many characters, were left out. */
  constructor(clock: Clock, leftOut: (lines: number, characters: number) => void) {
    this.#clock = clock;
    this.#allowance = new Allowance(TEXT_LIMITS, clock.now());
    this.#excess = new Excess(clock, leftOut);
  }

  /** Lines left out so far. */
  get leftOut(): number {
    return this.#excess.total;
  }

  /** Their characters. */
  get leftOutCharacters(): number {
    return this.#excess.totalBytes;
  }

  /** Whether a line may be said; counts a line that may not. */
  admits(line: string): boolean {
    if (this.#allowance.admits(line.length, this.#clock.now())) return true;
    this.#excess.add(line.length);
    return false;
  }

  /** Tells of lines left out and not told yet. */
  close(): void {
    this.#excess.flush();
  }
}
