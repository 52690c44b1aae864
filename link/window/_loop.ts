// A world whose time passes by events, for simulations: the same seed, the same course.

/** Runs what was asked for, in the order of time. */
export class Loop {
  /** Time, in ms. */
  now = 0;
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #runs: (() => void)[] = [];
  #count = 0;

  /** Calls `run` at `time`, or now if that has passed. */
  at(time: number, run: () => void): void {
    let i = this.#times.length;
    this.#set(i, Math.max(time, this.now), this.#count++, run);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(i, parent)) break;
      this.#swap(i, parent);
      i = parent;
    }
  }

  /** Calls `run` in `ms`. */
  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Lets time pass until `end`. */
  until(end: number): void {
    while (this.#times.length > 0 && this.#times[0]! <= end) {
      this.now = this.#times[0]!;
      const run = this.#runs[0]!;
      this.#shift();
      run();
    }
    this.now = end;
  }

  #shift(): void {
    const last = this.#times.length - 1;
    this.#swap(0, last);
    this.#times.pop();
    this.#orders.pop();
    this.#runs.pop();
    for (let i = 0;;) {
      let least = i;
      const child = 2 * i + 1;
      if (child < last && this.#isBefore(child, least)) least = child;
      if (child + 1 < last && this.#isBefore(child + 1, least)) least = child + 1;
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!;
    return difference < 0 || (difference === 0 && this.#orders[a]! < this.#orders[b]!);
  }

  #set(i: number, time: number, order: number, run: () => void): void {
    this.#times[i] = time;
    this.#orders[i] = order;
    this.#runs[i] = run;
  }

  #swap(a: number, b: number): void {
    const time = this.#times[a]!, order = this.#orders[a]!, run = this.#runs[a]!;
    this.#set(a, this.#times[b]!, this.#orders[b]!, this.#runs[b]!);
    this.#set(b, time, order, run);
  }
}

/** Chance by seed (mulberry32): numbers from 0 up to but not 1. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6d2b79f5 >>> 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}
