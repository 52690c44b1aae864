/**
 * The life of an agent that outlives its links, without a clock.
 *
 * ```
 *               ┌──────── a byte came ────────┐
 *               ▼                             │
 *  ┌──► attached ── nothing came for 12 s ──► silent
 *  │        └───── the link ended ─────┬────────┘
 *  │                                   ▼
 *  └──────── a link proved itself ── away ── too long, or asked to end ──► over
 * ```
 *
 * Times are milliseconds of any clock. The grace counts from the last byte received, about:
 * reads are counted and looked at now and then, which costs nothing on the way of a byte.
 *
 * A wish for the end that comes while there is a link is kept until it is known whether that
 * link lives. Its manager is asked, and by its answer the wish is void; what else comes may
 * have been under way when the manager died. One that is too old to answer makes the wish
 * void by bringing something later.
 *
 * @module
 */

/** The manager pings every 5 s; when nothing came for so long, the link may be dead. */
export const SILENCE_MS = 12_000;

/** See above. */
export type Phase = "attached" | "silent" | "away" | "over";

/** Options of a {@linkcode Life}. */
export interface LifeOptions {
  /** Seconds without a link, after which it is over. */
  readonly seconds: number;
  /** The time. */
  readonly now: number;
}

/** Begins attached. */
export class Life {
  readonly #graceMs: number;
  #phase: Phase = "attached";
  #reads = 0;
  /** When something came last, by the looks. */
  #heardAt: number;
  #epoch = 0;
  /** A wish for the end while there was a link: new, and since the last look. */
  #endWish: "none" | "new" | "seen" = "none";
  /** Wishes for the end so far. */
  #wishes = 0;

  constructor({ seconds, now }: LifeOptions) {
    this.#graceMs = seconds * 1000;
    this.#heardAt = now;
  }

  /** The present state. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Milliseconds since something came. */
  awayMs(now: number): number {
    return Math.max(0, now - this.#heardAt);
  }

  /** Milliseconds until it is over, if no link comes. */
  leftMs(now: number): number {
    return Math.max(0, this.#heardAt + this.#graceMs - now);
  }

  /** A look at the number of reads of the present link. True if it just fell silent. */
  look(now: number, reads: number): boolean {
    if (this.#phase !== "attached") return false;
    if (reads !== this.#reads) {
      this.#reads = reads;
      this.#heardAt = now;
      // What came before the last look may have been under way when the manager died.
      if (this.#endWish === "seen") this.#endWish = "none";
    }
    if (this.#endWish === "new") this.#endWish = "seen";
    if (now - this.#heardAt < SILENCE_MS) return false;
    this.#phase = this.#endWish === "none" ? "silent" : "over";
    return this.#phase === "silent";
  }

  /** A byte came over a silent link. */
  heard(now: number): void {
    if (this.#phase !== "silent") return;
    this.#phase = "attached";
    this.#heardAt = now;
  }

  /** The link ended; `reads` are all that brought something. */
  lost(now: number, reads: number): void {
    if (this.#phase === "over") return;
    if (this.#phase === "attached" && reads !== this.#reads) this.#heardAt = now;
    this.#phase = this.#endWish === "none" ? "away" : "over";
  }

  /** The time without a link may be over. True if it just is. */
  expire(now: number): boolean {
    if (this.#phase !== "away" || this.leftMs(now) > 0) return false;
    this.#phase = "over";
    return true;
  }

  /** Nobody can come back, or the end is wanted. */
  end(): void {
    this.#phase = "over";
  }

  /**
   * A newer agent of the same host asks this one to end. Undefined if it does, at once; else
   * the number of the wish, which is remembered until the link ends or falls silent, as that
   * of a manager that is gone does, or the wish is void.
   */
  askedToEnd(): number | undefined {
    if (this.#phase === "attached") {
      this.#endWish = "new";
      return ++this.#wishes;
    }
    this.#phase = "over";
  }

  /** The manager answered the wish of this number: it lives, and wants the agent. */
  wanted(wish: number): void {
    if (wish === this.#wishes) this.#endWish = "none";
  }

  /**
   * A link proved itself and has the number `epoch`. False if that is not above all before,
   * or all is over; else it is the present link, after a gap of {@linkcode awayMs}.
   */
  attach(now: number, epoch: number): boolean {
    if (this.#phase === "over" || epoch <= this.#epoch) return false;
    this.#epoch = epoch;
    this.#phase = "attached";
    this.#heardAt = now;
    this.#endWish = "none";
    this.#reads = 0;
    return true;
  }
}
