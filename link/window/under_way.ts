/**
 * What is under way on a link, and since when: answers how old a byte was when the peer
 * took it.
 *
 * A ring of numbers, so that nothing is allocated while frames pass. When the ring is full,
 * what is sent joins the entry before it and counts as sent then: it looks older than it
 * is, never younger, which a least round trip does not mind.
 *
 * @module
 */

/** Entries of the ring; each stands for the bytes of a write. */
const ENTRIES = 1024;

/** Writes that the peer has not taken wholly yet. */
export class UnderWay {
  /** Where each write ends, in bytes since the link began. */
  readonly #ends = new Float64Array(ENTRIES);
  /** When each write was made, in ms. */
  readonly #times = new Float64Array(ENTRIES);
  #head = 0;
  #length = 0;
  /** Where the first write of the ring begins. */
  #from = 0;

  /** Bytes of the last write that {@linkcode UnderWay.take} found wholly taken. */
  bytes = 0;
  /** Where that write began, in bytes since the link began. */
  begin = 0;
  /** When that write was made, in ms. */
  time = 0;

  /** What was sent up to `end` bytes after the link began has no time. */
  beginAt(end: number): void {
    this.#from = end;
  }

  /** A write that ends `end` bytes after the link began was made at `now`. */
  push(end: number, now: number): void {
    if (this.#length === ENTRIES) {
      this.#ends[(this.#head + ENTRIES - 1) % ENTRIES] = end;
      return;
    }
    const at = (this.#head + this.#length++) % ENTRIES;
    this.#ends[at] = end;
    this.#times[at] = now;
  }

  /**
   * The peer took `total` bytes since the link began. True if a write is wholly taken by
   * that; `bytes`, `begin` and `time` then tell of the last such write.
   */
  take(total: number): boolean {
    let wasWhole = false;
    while (this.#length > 0 && this.#ends[this.#head]! <= total) {
      const end = this.#ends[this.#head]!;
      this.bytes = end - this.#from;
      this.begin = this.#from;
      this.time = this.#times[this.#head]!;
      this.#from = end;
      this.#head = (this.#head + 1) % ENTRIES;
      this.#length--;
      wasWhole = true;
    }
    return wasWhole;
  }
}
