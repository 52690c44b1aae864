/**
 * The base round trip of a link: that of a byte which finds no queue, and what it says
 * when it does not come down.
 *
 * A sender that keeps the link full never sees an empty queue. So it drains each second:
 * for a round it keeps so little under way that its own bytes do not queue, and the least
 * round trip of that is a reading. A smaller round trip at any time lowers the base at
 * once; only readings raise it, the lesser of the last two.
 *
 * Readings far above the least of the last ten have a cause beyond this sender. If they
 * are all alike, the path became longer, and it is the base from then on. If they differ,
 * others queue on the same line, whose senders yield only to loss: a sender that yields to
 * delay would starve beside them, so it has to compete until they are gone.
 *
 * @module
 */

/** Readings that are remembered. */
const READINGS = 10;
/** So many readings that are alike are a longer path. */
const ALIKE = 6;
/** A reading is far above another by more than this share of it, and so many ms. */
const FAR = 0.15;
const FAR_MS = 3;
/** Readings are alike within this share of the least, or so many ms. */
const NEAR = 0.1;
const NEAR_MS = 2;
/** Points for a reading far above the least; one that is not takes two. */
const MOST_POINTS = 8;
/** Points from which on others compete. */
const COMPETING = 3;

/** The base round trip, in ms, and whether others queue on the line. */
export class Base {
  /** Round trip without a queue of our own, in ms; Infinity until known. */
  ms: number = Infinity;
  /** The last reading, which is the round trip behind the queue of others, in ms. */
  last = 0;
  readonly #readings = new Float64Array(READINGS);
  #count = 0;
  /** Least round trip since the reading before the last, and since the last. */
  #sinceOlder = Infinity;
  #sinceNewer = Infinity;
  #points = 0;

  /** Begins with what was measured before, or with Infinity. */
  constructor(ms: number) {
    this.ms = ms;
  }

  /** Whether others queue on the line, so that a small queue would be starved. */
  get isContended(): boolean {
    return this.#points >= COMPETING;
  }

  /** A round trip of `ms` was seen, under whatever load. */
  seen(ms: number): void {
    if (ms < this.#sinceOlder) this.#sinceOlder = ms;
    if (ms < this.#sinceNewer) this.#sinceNewer = ms;
    if (ms < this.ms) this.ms = ms;
  }

  /** Others queue on the line, as a reading of `ms` has shown without doubt. */
  contend(ms: number): void {
    this.#points = MOST_POINTS;
    this.last = ms;
  }

  /** A drain ended in which the least round trip was `ms`. */
  read(ms: number): void {
    this.#readings[this.#count++ % READINGS] = ms;
    this.ms = Math.min(this.#sinceOlder, ms);
    this.#sinceOlder = Math.min(this.#sinceNewer, ms);
    this.#sinceNewer = Infinity;
    this.last = ms;
    const least = this.#least(READINGS);
    if (isFar(ms, least)) {
      this.#points = Math.min(MOST_POINTS, this.#points + 1);
      if (this.#count >= ALIKE && this.#areAlike()) {
        this.#points = 0;
        this.#count = 0;
      }
    } else this.#points = Math.max(0, this.#points - 2);
  }

  #areAlike(): boolean {
    const least = this.#least(ALIKE);
    return this.#most(ALIKE) < least + Math.max(NEAR_MS, least * NEAR);
  }

  #least(last: number): number {
    let least = Infinity;
    for (let i = 1; i <= Math.min(last, this.#count, READINGS); i++) {
      least = Math.min(least, this.#readings[(this.#count - i) % READINGS]!);
    }
    return least;
  }

  #most(last: number): number {
    let most = 0;
    for (let i = 1; i <= Math.min(last, this.#count, READINGS); i++) {
      most = Math.max(most, this.#readings[(this.#count - i) % READINGS]!);
    }
    return most;
  }
}

function isFar(ms: number, least: number): boolean {
  return ms > least + Math.max(FAR_MS, least * FAR);
}
