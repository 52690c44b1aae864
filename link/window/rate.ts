/**
 * The rate of a link: the best of the last seconds, over intervals of at least 50 ms in
 * which the sender always had something to send.
 *
 * Intervals, and not the time between two acknowledgements, because a token bucket lets
 * bursts through at any speed. The best, because whatever disturbs an interval (a process
 * that was not scheduled, a lost packet) makes it slow; and old readings age by the time
 * that intervals took, at most {@linkcode LONGEST_MS} each, so that a peer that stood
 * still, a machine that slept and a link that idled leave the estimate as it was.
 *
 * A rate that fell below half for half a second, over several intervals, is believed at
 * once, without waiting for the best of before to age.
 *
 * @module
 */

/** Least length of an interval, in ms. */
const INTERVAL_MS = 50;
/** Length of an interval while the rate does not rise, in ms: the longer, the less noise. */
const STEADY_MS = 200;
/** An interval ages the readings by at most so many ms. */
const LONGEST_MS = 250;
/** A reading counts for so many ms. */
const READING_MS = 3000;
/** Below this share of the best, an interval is a sign that the link became slower. */
const FALL = 0.5;
/** So many such intervals, and so many ms of them, are proof. */
const FALL_INTERVALS = 3;
const FALL_MS = 500;
/** An interval this much faster than the best calls for another try. */
const RISE = 1.1;
/**
 * An interval this fast, in bytes per ms, tells of the link though the sender had no more:
 * no bucket of tokens is so large. Without that, a link that is never full would count as
 * unknown, and its frames stay small.
 */
const BEYOND_BURSTS = 25_000;
/** Readings kept at most: those of 3 s, since each stands for 50 ms. */
const READINGS = 64;

/** Measures the rate at which a peer takes bytes. */
export class Rate {
  /** Bytes per ms; 0 until the first interval ended. */
  best = 0;
  /** Bytes per ms of the last interval. */
  last = 0;
  /** Whether the last interval was faster than all before. */
  isRising = false;
  /** Whether the window was in the way during the last interval. */
  wasLimited = false;
  /** Whether the best was given up with the last interval, since the rate had fallen. */
  hasFallen = false;
  /** Readings that fall from head to tail, and the age at which each was taken. */
  readonly #rates = new Float64Array(READINGS);
  readonly #ages = new Float64Array(READINGS);
  #head = 0;
  #length = 0;
  #age = 0;
  /** Least length of this interval, in ms: the round trip as it began. */
  #least = INTERVAL_MS;
  #begunAt = -1;
  #begunWith = 0;
  #isLimited = false;
  #hasRunEmpty = false;
  #falls = 0;
  #fallMs = 0;
  #fallBest = 0;

  /** Begins with what was measured before, or with 0. */
  constructor(best: number) {
    if (best > 0) this.#add(best);
  }

  /** The sender had no more to send: the interval may tell less than the link can. */
  ranEmpty(): void {
    this.#hasRunEmpty = true;
  }

  /** The window kept the sender from sending. */
  blocked(): void {
    this.#isLimited = true;
  }

  /**
   * The peer has taken `total` bytes at `now`, in ms; `roundTrip` is that of the last of
   * them. `isQueued` says that they waited on the path, which so was full even if the
   * sender had no more. True if an interval ended.
   */
  taken(total: number, now: number, roundTrip: number, isQueued: boolean): boolean {
    const elapsed = now - this.#begunAt;
    if (this.#begunAt < 0) {
      this.restart(total, now);
      return false;
    }
    if (elapsed < this.#least) return false;
    const rate = (total - this.#begunWith) / elapsed;
    this.last = rate;
    this.isRising = this.hasFallen = false;
    this.wasLimited = this.#isLimited;
    const isProof = this.#isLimited || rate > BEYOND_BURSTS;
    if (!this.#hasRunEmpty || isQueued || (isProof && rate > this.best)) {
      this.isRising = rate > this.best * RISE;
      this.#age += Math.min(elapsed, LONGEST_MS);
      this.#fell(rate, Math.min(elapsed, LONGEST_MS));
      this.#add(rate);
    }
    this.restart(total, now);
    const least = this.isRising || this.best === 0 ? INTERVAL_MS : STEADY_MS;
    this.#least = Math.max(least, Math.min(roundTrip, LONGEST_MS));
    return true;
  }

  /** Begins an interval. */
  restart(total: number, now: number): void {
    this.#begunAt = now;
    this.#begunWith = total;
    this.#isLimited = this.#hasRunEmpty = false;
  }

  /** Takes a reading in, and lets old ones go: a queue from the best to the newest. */
  #add(rate: number): void {
    while (this.#length > 0 && this.#rates[this.#at(this.#length - 1)]! <= rate) {
      this.#length--;
    }
    while (
      this.#length === READINGS ||
      (this.#length > 0 && this.#ages[this.#head]! < this.#age - READING_MS)
    ) {
      this.#head = this.#at(1);
      this.#length--;
    }
    this.#rates[this.#at(this.#length)] = rate;
    this.#ages[this.#at(this.#length)] = this.#age;
    this.#length++;
    this.best = this.#rates[this.#head]!;
  }

  #fell(rate: number, elapsed: number): void {
    if (rate >= this.best * FALL) {
      this.#falls = this.#fallMs = this.#fallBest = 0;
      return;
    }
    this.#falls++;
    this.#fallMs += elapsed;
    this.#fallBest = Math.max(this.#fallBest, rate);
    if (this.#falls < FALL_INTERVALS || this.#fallMs < FALL_MS) return;
    this.#length = 0;
    this.#add(this.#fallBest);
    this.hasFallen = true;
    this.#falls = this.#fallMs = this.#fallBest = 0;
  }

  #at(place: number): number {
    return (this.#head + place) % READINGS;
  }
}
