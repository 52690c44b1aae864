/**
 * Turns of all who read from strangers, in a process together.
 *
 * A stream whose bytes are always there never lets the event loop go on by itself: see
 * `wire/turn.ts`. Links count their work each for itself, for they are few. Those who
 * come to a proxy, a name server or a forward may be thousands, so they share one turn:
 * when that is used up they stand in line, and each gets a piece of work in a round of
 * the event loop. Who comes back goes to the end of the line.
 *
 * A piece is the bytes that a read brings, or as many of them as are worked off in one
 * go; whoever takes such pieces keeps them short. While the event loop goes on by itself
 * nobody waits: the loop is asked to tell of its next round when a turn's worth was done,
 * and only if no round has come when as much was done again, the turn is over.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { systemPace } from "../../link/pace.ts";
import type { Pace } from "../../wire/turn.ts";

/** Milliseconds of work in a turn, about. */
const TURN_MS = 1;
/** Pieces of work in a turn, however short: the reads themselves take time, too. */
const MOST_PIECES = 16;

/** The turns of a process. */
export class Turns {
  readonly #pace: Pace;
  #pieces = 0;
  /** When the first of them began, about. */
  #since = -Infinity;
  /** Whether the event loop was asked to tell of its next round. */
  #isAsked = false;
  /** Those in line. */
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /** Begins with a whole turn to use. */
  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /**
   * A piece of work is there: undefined if that may be done at once, as mostly; otherwise
   * a promise that settles when its time has come.
   */
  next(): Promise<void> | undefined {
    if (this.#waiting > 0) return this.#line();
    this.#pieces++;
    const now = this.#pace.now();
    if (this.#pieces < MOST_PIECES && now - this.#since < TURN_MS) return undefined;
    if (this.#isAsked) return this.#line();
    this.#isAsked = true;
    this.#begin(now);
    setImmediate(() => {
      this.#isAsked = false;
      this.#begin(this.#pace.now());
    });
    return undefined;
  }

  #line(): Promise<void> {
    this.#waiting++;
    return this.#last = this.#last.then(() => this.#pace.rest()).then(() => {
      this.#waiting--;
      this.#begin(this.#pace.now());
    });
  }

  #begin(now: number): void {
    this.#pieces = 0;
    this.#since = now;
  }
}

/** Those of this process. */
export const turns: Turns = new Turns(systemPace);
