/**
 * Tasks: the work that goes on for connections, so that an end can wait for all of it.
 *
 * @module
 */

/** Work under way. */
export class Tasks {
  readonly #warn: (message: string) => void;
  readonly #underWay = new Set<Promise<void>>();

  /** Tells by `warn` of work that failed, which it is not expected to do. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Counts `task` as work until it has ended, in whichever way. */
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
