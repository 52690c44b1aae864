/**
 * Lines of the log that somebody else can cause: at most a line a minute, with a count of
 * the others.
 *
 * @module
 */

/** Least time between two lines of a kind, in milliseconds. */
const PAUSE_MS = 60_000;

/** Tells of events seldom. */
export class Seldom {
  readonly #tell: (message: string) => void;
  readonly #now: () => number;
  readonly #kinds = new Map<string, { next: number; untold: number }>();

  /**
   * `tell` takes a line for people; `now` is a clock in milliseconds that never goes
   * back.
   */
  constructor(tell: (message: string) => void, now = () => performance.now()) {
    this.#tell = tell;
    this.#now = now;
  }

  /**
   * Tells of an event, or counts it if the last line of its kind is less than a minute
   * ago. Kinds are remembered, so strangers must not be able to make them up.
   */
  happened(kind: string, message: string): void {
    const now = this.#now();
    const { next, untold } = this.#kinds.get(kind) ?? { next: now, untold: 0 };
    if (now < next) {
      this.#kinds.set(kind, { next, untold: untold + 1 });
      return;
    }
    this.#kinds.set(kind, { next: now + PAUSE_MS, untold: 0 });
    this.#tell(
      untold === 0 ? message : `${message} (and ${untold} more since the last line)`,
    );
  }
}
