/**
 * Half-open connections: one direction has ended, and nothing comes in the other.
 *
 * @module
 */

/**
 * If nothing came between two looks, both directions are given up: nobody may be left who
 * will ever end the second.
 */
const LOOK_MS = 30 * 60_000;

/** Watches a pair of directions from the end of the first to the end of the second. */
export class HalfOpen {
  /** Pieces that were carried, in both directions; counted by the owner. */
  parts = 0;
  readonly #giveUp: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `giveUp` must end both directions. */
  constructor(giveUp: () => void) {
    this.#giveUp = giveUp;
  }

  /** A direction has ended. */
  begin(): void {
    let seen = this.parts;
    this.#timer ??= setInterval(() => {
      if (this.parts === seen) this.#giveUp();
      seen = this.parts;
    }, LOOK_MS);
  }

  /** Both directions have ended. */
  end(): void {
    clearInterval(this.#timer);
  }
}
