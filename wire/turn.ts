/**
 * Turns: how long a link may be worked for before other links get their turn.
 *
 * A link whose bytes are always there never lets the event loop go on by itself: each
 * read is done before anybody waits for the read, and resolved promises run before
 * anything else. So a loop over a foreign stream counts its work, and rests, for a round
 * of the event loop, when a turn's worth of work is done. A round costs some two
 * microseconds where nobody else waits.
 *
 * @module
 */

/** Milliseconds of work in a turn, about. */
export const TURN_MS = 0.2;

/** Pieces of work in a turn, however short: the reads themselves take time, too. */
const MOST_PIECES = 4;

/** Time, and a way to let others go on. */
export interface Pace {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Settles in the next round of the event loop, when all others had a chance to run. */
  rest(): Promise<void>;
}

/** The work for a link. */
export class Turn {
  readonly #pace: Pace;
  #pieces = 0;
  /** When the present piece of work began. */
  #since: number | undefined;
  /** Milliseconds worked in this turn before the present piece. */
  #spent = 0;

  /** Begins with a whole turn to use. */
  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** A piece of work begins. */
  begin(): void {
    this.#since = this.#pace.now();
    this.#pieces++;
  }

  /** Whether the turn is used up. */
  isOver(): boolean {
    return this.#pieces >= MOST_PIECES || this.#spent + this.#underWay() >= TURN_MS;
  }

  /** The piece of work is done. */
  end(): void {
    this.#spent += this.#underWay();
    this.#since = undefined;
  }

  /** Lets others go on; work under way goes on in a new turn. */
  async rest(): Promise<void> {
    await this.#pace.rest();
    this.#spent = 0;
    this.#pieces = 0;
    if (this.#since !== undefined) this.#since = this.#pace.now();
  }

  #underWay(): number {
    return this.#since === undefined ? 0 : this.#pace.now() - this.#since;
  }
}
