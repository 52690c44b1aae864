/**
 * What was taken of a link, and when the peer is told: after a read, when as much came as
 * the peer wants to be told of and 1 ms passed since it was told, else 5 ms late, or 25
 * on a very fast link.
 *
 * The bounds are for the cost of it: at most a thousand credits a second, however fast the
 * link, and none while nothing comes. What the owner wants of the peer in turn travels in
 * the same credits, and a change by more than half is told like bytes that are due.
 *
 * @module
 */

/** Least time between two credits, in ms. */
const SPACING_MS = 1;
/** A byte is acknowledged at most so many ms after it was taken. */
const LATE_MS = 5;
/** The same on a very fast link. */
const UNHURRIED_MS = 25;
/** What a peer wants until it says so, in bytes. */
const FIRST_EVERY = 4096;

/** Counts what was taken. Pure: `now` is an argument, in ms of any clock. */
export class Taken {
  /** Bytes after which the peer wants a credit, as it said last; 0: at once. */
  every: number = FIRST_EVERY;
  /** Whether the link is so fast that a late credit for a few bytes holds up nobody. */
  isUnhurried = false;
  #total = 0;
  #told = 0;
  #toldAt = -Infinity;
  /** When the first byte was taken that was not told, in ms. */
  #firstAt = 0;
  #asked = FIRST_EVERY;
  #toldAsked = FIRST_EVERY;

  /** Bytes taken since the link began, credits not counted. */
  get total(): number {
    return this.#total;
  }

  /** What the last {@linkcode Taken.ask} wanted of the peer, in bytes. */
  get asked(): number {
    return this.#asked;
  }

  /** `bytes` were taken of the link and processed, credits not counted. */
  took(bytes: number, now: number): void {
    if (bytes === 0) return;
    if (this.#total === this.#told) this.#firstAt = now;
    this.#total += bytes;
  }

  /** From now on a credit is wanted of the peer after so many bytes. */
  ask(bytes: number): void {
    this.#asked = bytes;
  }

  /** When a credit is due, in ms, which may have passed; Infinity if nothing is to be told. */
  due(now: number): number {
    // A clock that went back counts from there.
    if (now < this.#toldAt) this.#toldAt = now;
    if (now < this.#firstAt) this.#firstAt = now;
    const soon = this.#toldAt + SPACING_MS;
    if (this.#hasChanged) return soon;
    const waiting = this.#total - this.#told;
    if (waiting === 0) return Infinity;
    const late = this.isUnhurried ? UNHURRIED_MS : LATE_MS;
    return waiting >= this.every ? soon : this.#firstAt + late;
  }

  /** A credit for all that was taken goes out at `now`. */
  tell(now: number): void {
    this.#told = this.#total;
    this.#toldAt = now;
    this.#toldAsked = this.#asked;
  }

  get #hasChanged(): boolean {
    const told = this.#toldAsked;
    return this.#asked < told / 2 || this.#asked > told * 2;
  }
}
