/**
 * Excess: pieces that a host sent beyond its budget, counted, and told in few words.
 *
 * @module
 */

import type { Clock } from "../../link/clock.ts";

/** Milliseconds from the first excess to its being told. */
const FIRST_AFTER = 1000;
/** Milliseconds between further tellings, as long as pieces come. */
const AGAIN_AFTER = 60_000;

/** Counts the excess of a host, of a single kind. */
export class Excess {
  readonly #clock: Clock;
  readonly #tell: (pieces: number, bytes: number) => void;
  #pieces = 0;
  #bytes = 0;
  #total = 0;
  #totalBytes = 0;
  #lastTold = -Infinity;
  #cancel: (() => void) | undefined;

  /** Calls `tell` with pieces since its last call: after a second, then each minute. */
  constructor(clock: Clock, tell: (pieces: number, bytes: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** All pieces so far. */
  get total(): number {
    return this.#total;
  }

  /** Their bytes. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Counts a piece. */
  add(bytes: number): void {
    this.#pieces++;
    this.#bytes += bytes;
    this.#total++;
    this.#totalBytes += bytes;
    if (this.#cancel !== undefined) return;
    const again = this.#lastTold + AGAIN_AFTER - this.#clock.now();
    this.#cancel = this.#clock.after(Math.max(FIRST_AFTER, again), () => this.flush());
  }

  /** Tells pieces not told yet at once, if any, and ends the waiting. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#pieces === 0) return;
    const [pieces, bytes] = [this.#pieces, this.#bytes];
    this.#pieces = this.#bytes = 0;
    this.#lastTold = this.#clock.now();
    this.#tell(pieces, bytes);
  }
}
