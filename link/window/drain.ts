/**
 * A drain: for a round or two, so little is kept under way that a sender's own bytes do
 * not queue, and the least round trip of that is a reading of the base.
 *
 * | state   | until                                                            |
 * | ------- | ---------------------------------------------------------------- |
 * | off     | a drain is due, or the peer drains                               |
 * | falling | no more is under way than the drain allows                       |
 * | holding | a write of this state, and one sent after that was taken, are taken |
 *
 * The second round of holding is for links that are full both ways, where acknowledgements
 * wait in the queue of the other direction. Each end would take the queue of the other for
 * base, and enlarge its window by it, in turns for ever. So who drains says so in its
 * credits, and the peer drains along.
 *
 * @module
 */

/** Keeps the state of drains; whoever sends asks {@linkcode Drain.isOn}. */
export class Drain {
  /** Least round trip of the writes of a drain, in ms, when `taken` returned true. */
  least: number = Infinity;
  /** Drains that began. */
  count = 0;
  /** When the last drain ended, in ms. */
  endedAt: number;
  #state: "off" | "falling" | "holding" = "off";
  /** Bytes since the link began, sent when the state began: what comes after belongs to it. */
  #mark = 0;
  #rounds = 0;
  #heldAt = 0;
  #least = 0;

  /** Made at `now`, in ms. */
  constructor(now: number) {
    this.endedAt = now;
  }

  /** Whether a drain is under way. */
  get isOn(): boolean {
    return this.#state !== "off";
  }

  /** A drain begins, which holds for `ms` at least. */
  begin(ms: number): void {
    this.#least = ms;
    this.#state = "falling";
    this.least = Infinity;
    this.count++;
  }

  /** The drain ends without a reading. */
  abandon(now: number): void {
    if (this.#state === "off") return;
    this.#state = "off";
    this.endedAt = now;
  }

  /** So many bytes are under way of those `sent` since the link began. */
  fell(underWay: number, allowed: number, sent: number, now: number): void {
    if (this.#state !== "falling" || underWay > allowed) return;
    this.#heldAt = now;
    this.#state = "holding";
    this.#mark = sent;
    this.#rounds = 0;
  }

  /**
   * A write that began at byte `begin` was taken at `now`, `roundTrip` ms after it was
   * sent; `sent` is the number of bytes sent by now. True if that ends the drain.
   */
  taken(begin: number, roundTrip: number, sent: number, now: number): boolean {
    if (this.#state !== "holding" || begin < this.#mark) return false;
    this.least = Math.min(this.least, roundTrip);
    this.#mark = sent;
    if (++this.#rounds < 2 || now - this.#heldAt < this.#least) return false;
    this.#state = "off";
    this.endedAt = now;
    return true;
  }
}
