/**
 * How often an agent is sent to a host. A host may spoil the file, or forget it, and is
 * tried again for as long as the mesh runs; 37 MB at each attempt would not help.
 *
 * @module
 */

/**
 * Milliseconds after the first upload that a host spoiled, the second and so on; then for
 * ever.
 */
const WAITS = [30_000, 120_000, 600_000];
/** Uploads within {@linkcode PERIOD}, also of those that were taken. */
const MOST = 10;
/** An hour, in milliseconds. */
const PERIOD = 3_600_000;

/** The uploads to a host. */
export class Uploads {
  readonly #now: () => number;
  /** When they began, the oldest first, no more than {@linkcode MOST}. */
  #times: number[] = [];
  #spoiled = 0;
  #reason = "";
  #notBefore = 0;

  /** `now` gives milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Counts an upload that begins now.
   *
   * @throws {Error} that says why and for how long no upload may begin.
   */
  begin(): void {
    const now = this.#now();
    const times = this.#spoiled === 1 ? "once" : `${this.#spoiled} times`;
    if (this.#spoiled > WAITS.length) {
      throw new Error(
        `the agent is not sent any more, for the host spoiled it ${times}: ${this.#reason}; ` +
          `start the mesh anew to try again`,
      );
    }
    if (now < this.#notBefore) {
      const wait = Math.ceil((this.#notBefore - now) / 1000);
      throw new Error(
        `the agent is sent again in ${wait} s at the soonest, for the host spoiled it ` +
          `${times}: ${this.#reason}`,
      );
    }
    this.#times = this.#times.filter((time) => time > now - PERIOD);
    if (this.#times.length >= MOST) {
      const wait = Math.ceil((this.#times[0]! + PERIOD - now) / 1000);
      throw new Error(
        `the agent was sent ${MOST} times within an hour, for the host did not keep it; ` +
          `again in ${wait} s at the soonest`,
      );
    }
    this.#times.push(now);
  }

  /** The host did not make an agent of the last upload, for this reason. */
  spoiled(reason: string): void {
    this.#notBefore = this.#now() + (WAITS[this.#spoiled++] ?? 0);
    this.#reason = reason;
  }

  /** The host has an agent. */
  kept(): void {
    this.#spoiled = 0;
  }
}
