/**
 * Tasks: the work under way for connections, which the end of a host waits for.
 *
 * @module
 */

/** Work under way. */
export class Tasks {
  readonly #warn: (message: string) => void;
  #underWay = 0;
  /** Those who wait for the end of all work. */
  #waiting: (() => void)[] = [];

  /** Tells unexpected failures of work by `warn`. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Counts `task` as work until its end or failure. */
  track(task: Promise<void>): void {
    this.#underWay++;
    task.then(this.#end, (error) => {
      this.#warn(`A connection failed unexpectedly: ${error}`);
      this.#end();
    });
  }

  /** Settles when all work has ended. Never rejects. */
  ended(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  readonly #end = (): void => {
    if (--this.#underWay > 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
  };
}
