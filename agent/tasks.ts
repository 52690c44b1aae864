/**
 * Tasks: the work under way for connections, which the end of a host waits for.
 *
 * @module
 */

/** Work under way. */
export class Tasks {
  readonly #warn: (message: string) => void;
  readonly #underWay = new Set<Promise<void>>();

  /** Tells unexpected failures of work by `warn`. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Counts `task` as work until its end or failure. */
  track(task: Promise<void>): void {
    const tracked = task
      .catch((error) => this.#warn(`A connection failed unexpectedly: ${error}`))
      .finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  /** Settles when the work of now has ended. Never rejects. */
  async ended(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}
