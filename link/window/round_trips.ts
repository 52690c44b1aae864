/**
 * Some round trips of an interval, to tell most of them from their mean.
 *
 * @module
 */

/** Round trips that are remembered, the newest. */
const MOST = 32;

/** The round trips of an interval. */
export class RoundTrips {
  readonly #samples = new Float64Array(MOST);
  #count = 0;

  /** Takes one of `ms`. */
  take(ms: number): void {
    this.#samples[this.#count++ % MOST] = ms;
  }

  /** Whether more than half of them were shorter than `ms`. */
  areMostlyBelow(ms: number): boolean {
    const count = Math.min(this.#count, MOST);
    let below = 0;
    for (let i = 0; i < count; i++) if (this.#samples[i]! < ms) below++;
    return 2 * below > count;
  }

  /** Another interval begins. */
  clear(): void {
    this.#count = 0;
  }
}
