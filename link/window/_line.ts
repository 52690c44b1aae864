// Lines of a simulated path: a token bucket with a queue, a delay and jitter.
import type { Loop } from "./_loop.ts";

/** What passes a line. */
export interface Parcel {
  readonly bytes: number;
  /** Called when the parcel comes out. */
  arrive(): void;
}

/** What a line is like; all of it may change while the line is in use. */
export interface LineOptions {
  /** Bytes per ms. */
  rate: number;
  /** Bytes that pass at once after a pause. */
  burst?: number;
  /** Time that a parcel travels, in ms, and what chance adds to that at most. */
  delay?: number;
  jitter?: number;
  /** Bytes that may queue; further parcels are dropped. */
  limit?: number;
}

/** A line of one direction, which keeps the order. */
export class Line {
  readonly #loop: Loop;
  readonly #random: () => number;
  readonly options: LineOptions;
  /** Bytes that queue. */
  queued = 0;
  /** Bytes that passed. */
  passed = 0;
  readonly #parcels: Parcel[] = [];
  #head = 0;
  #isServing = false;
  #tokens: number;
  #countedAt = 0;
  #lastArrival = 0;
  #pausedUntil = 0;

  constructor(loop: Loop, random: () => number, options: LineOptions) {
    this.#loop = loop;
    this.#random = random;
    this.options = options;
    this.#tokens = options.burst ?? 0;
  }

  /** Nothing passes until `time`. */
  pause(time: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, time);
  }

  /** False if the parcel was dropped. */
  send(parcel: Parcel): boolean {
    if (this.queued + parcel.bytes > (this.options.limit ?? Infinity)) return false;
    this.queued += parcel.bytes;
    this.#parcels.push(parcel);
    if (!this.#isServing) this.#serve();
    return true;
  }

  #serve(): void {
    const parcel = this.#parcels[this.#head];
    this.#isServing = parcel !== undefined;
    if (!parcel) return;
    const { now } = this.#loop;
    const { rate, burst = 0 } = this.options;
    this.#tokens = Math.min(
      Math.max(burst, this.#tokens),
      this.#tokens + (now - this.#countedAt) * rate,
    );
    this.#countedAt = now;
    const missing = parcel.bytes - this.#tokens;
    if (now < this.#pausedUntil) this.#loop.at(this.#pausedUntil, () => this.#serve());
    else if (missing <= 1e-6) this.#pass(parcel);
    else {
      this.#loop.after(missing / rate, () => {
        this.#countedAt = this.#loop.now;
        this.#tokens = parcel.bytes;
        this.#pass(parcel);
      });
    }
  }

  #pass(parcel: Parcel): void {
    const { delay = 0, jitter = 0 } = this.options;
    this.#tokens -= parcel.bytes;
    this.queued -= parcel.bytes;
    this.passed += parcel.bytes;
    if (++this.#head > 1000) this.#parcels.splice(0, this.#head), this.#head = 0;
    const due = this.#loop.now + delay + (jitter > 0 ? this.#random() * jitter : 0);
    this.#lastArrival = Math.max(this.#lastArrival, due);
    this.#loop.at(this.#lastArrival, () => parcel.arrive());
    this.#serve();
  }
}
