// A clock for tests: time passes when the test says so.
import type { Clock } from "./clock.ts";

/** Stands at 0 until told; `random` always gives 0.5. */
export class FakeClock implements Clock {
  #now = 0;
  #asleep = 0;
  #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now + this.#asleep;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  rest(): Promise<void> {
    return Promise.resolve();
  }

  random(): number {
    return 0.5;
  }

  /** Timers that are armed. */
  get pending(): number {
    return this.#timers.size;
  }

  /** The machine sleeps: only the wall clock goes on. */
  sleep(ms: number): void {
    this.#asleep += ms;
  }

  /**
   * Lets time pass in steps of at most `step`, with turns of the event loop between them, so
   * that what one timer causes happens before the next is due.
   */
  async pass(ms: number, step = 250): Promise<void> {
    for (const end = this.#now + ms; this.#now < end;) {
      this.#now = Math.min(end, this.#now + step);
      for (const timer of [...this.#timers]) {
        if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
        timer.run();
      }
      await settle();
    }
  }
}

/** A few turns of the event loop. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}
