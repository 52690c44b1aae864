/**
 * Looks at the time for everything that has a limit.
 *
 * A timer for each connection and request would cost more than the request, so a single
 * timer asks all of them, and runs only while there are any.
 *
 * @module
 */

/** A look that is so late comes after a standstill. */
const STANDSTILL_MS = 50;

/** Something that has limits on time. */
export interface Timed {
  /** Called with the time `now` (`performance.now()`): ends whatever is overdue. */
  check(now: number): void;
}

/** Asks each of its members every so often. */
export class Deadlines {
  readonly #members = new Set<Timed>();
  readonly #everyMs: number;
  #last = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** A limit is noticed up to `everyMs` milliseconds late. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Adds a member. */
  add(member: Timed): void {
    this.#members.add(member);
    if (this.#timer !== undefined) return;
    this.#last = performance.now();
    this.#timer = setInterval(() => this.#look(), this.#everyMs);
  }

  #look(): void {
    const now = performance.now();
    // After a standstill of the program, bytes that came in time may not have been read
    // yet.
    const isLate = now - this.#last > 2 * this.#everyMs + STANDSTILL_MS;
    this.#last = now;
    if (isLate) return;
    for (const member of this.#members) member.check(now);
  }

  /** Takes a member out. */
  delete(member: Timed): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
