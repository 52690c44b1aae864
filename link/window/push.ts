/**
 * A push: whether a path that is slow under load, and quick for a single frame, carries more if
 * more is under way.
 *
 * A long round trip under load is a queue, as a rule, and a smaller window makes it shorter. Not
 * so where something on the path waits with a part of what it was given, such as a program that
 * copies ssh's packets in blocks into a socket without TCP_NODELAY: there some 40 ms pass for
 * each window that is larger than a block, and a window that yields to delay stays small for
 * ever. Its marks are three:
 *
 * - the window is in the way, and most round trips are far shorter than a window takes: the path
 *   idles between;
 * - a rate that fell is better as soon as less is under way;
 * - round trips behind a small window are long, and those of a drain are not.
 *
 * After some of them the window grows fourfold, and again as long as that makes the link twice as
 * fast, which a queue would not.
 *
 * What helped is kept as the least window, for a time that grows each time it was right. What did
 * not help is not tried again for a time that grows, too.
 *
 * @module
 */

/** Signs of such weight, no more than so many ms apart, begin a push. */
const ENOUGH = 6;
const APART_MS = 6000;
/**
 * The weight of an interval in which the path idled, of a rate that fell and was better with less
 * under way, and of a quick drain.
 */
const WEIGHT = { idle: 3, rebound: 3, drain: 2 } as const;
/** A rate that fell is better if it is so many times as high within so many ms. */
const REBOUND = 1.5;
const REBOUND_MS = 1500;
/** The least window to begin with, in bytes, and the share that each step adds to it. */
const FIRST = 16 * 1024;
const GROWTH = 4;
/** A step has helped if the rate is so many times that of before. */
const FASTER = 2;
/** Intervals in which a step may help: a busy machine makes single ones slow. */
const TRIES = 2;
/** How long it is until the next push, in ms: after one that helped, and at first and at most after others. */
const NEXT_MS = 2000;
const WRONG_MS = 20_000;
const MOST_WRONG_MS = 640_000;
/** How long a finding holds, in ms: at first, and at most. */
const HOLD_MS = 30_000;
const MOST_HOLD_MS = 960_000;

/** Pushes of a window. */
export class Push {
  /** The least window, in bytes; 0 if there is none. */
  floor = 0;
  #state: "off" | "begun" | "pushing" = "off";
  /** Intervals since the last step; the first of them began before it. */
  #intervals = 0;
  #best = 0;
  /** The least window before this push. */
  #kept = 0;
  #hasHelped = false;
  /** Bytes per ms before the last step. */
  #before = 0;
  #signs = 0;
  /** When the rate was last believed to have fallen, in ms, and to how many bytes per ms. */
  #fellAt = -Infinity;
  #fellTo = 0;
  #signedAt = -Infinity;
  /** When the next push may begin, and when the finding is forgotten, in ms. */
  #nextAt = -Infinity;
  #forgetAt = -Infinity;
  #wrongMs = WRONG_MS;
  #holdMs = HOLD_MS;

  /** Whether one is under way: drains would disturb it. */
  get isOn(): boolean {
    return this.#state !== "off";
  }

  /** A sign that more may be wanted; `window` is in bytes. */
  sign(kind: keyof typeof WEIGHT, window: number, now: number): void {
    if (this.isOn || now < this.#nextAt) return;
    if (now - this.#signedAt > APART_MS) this.#signs = 0;
    this.#signedAt = now;
    this.#signs += WEIGHT[kind];
    if (this.#signs < ENOUGH) return;
    this.#state = "begun";
    this.#hasHelped = false;
    this.#kept = this.floor;
    this.#step(Math.max(window, FIRST));
  }

  /** The rate fell to so many bytes per ms, and with it the window. */
  fell(rate: number, now: number): void {
    this.#fellAt = now;
    this.#fellTo = rate;
  }

  /** An interval had that rate, with a window of so many bytes. */
  rose(rate: number, window: number, now: number): void {
    if (now - this.#fellAt > REBOUND_MS || rate < REBOUND * this.#fellTo) return;
    this.#fellAt = -Infinity;
    this.sign("rebound", window, now);
  }

  /**
   * An interval ended with `rate` bytes per ms, in which the window was in the way if it
   * `wasLimited`.
   */
  interval(rate: number, wasLimited: boolean, now: number): void {
    if (!this.isOn) {
      if (now >= this.#forgetAt) this.floor = 0;
      return;
    }
    this.#intervals++;
    if (this.#intervals > 1) this.#best = Math.max(this.#best, rate);
    if (!wasLimited) return this.#end(now);
    const isFirst = this.#state === "begun";
    if (this.#intervals > 1 && !isFirst && this.#best > this.#before * FASTER) {
      this.#hasHelped = true;
      return this.#step(this.floor * GROWTH);
    }
    if (this.#intervals <= TRIES) return;
    if (!isFirst) return this.#end(now);
    this.#best = rate; // those before may be of other windows
    this.#state = "pushing";
    this.#step(this.floor * GROWTH);
  }

  #step(floor: number): void {
    this.floor = floor;
    this.#before = this.#best;
    this.#intervals = this.#best = 0;
  }

  #end(now: number): void {
    this.#state = "off";
    this.#signs = 0;
    if (this.#hasHelped) {
      this.floor /= GROWTH;
      this.#nextAt = now + NEXT_MS;
      this.#forgetAt = now + this.#holdMs;
      this.#holdMs = Math.min(MOST_HOLD_MS, 2 * this.#holdMs);
    } else {
      this.floor = this.#kept;
      this.#nextAt = now + this.#wrongMs;
      this.#wrongMs = Math.min(MOST_WRONG_MS, 2 * this.#wrongMs);
    }
  }
}
