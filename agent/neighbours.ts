/**
 * Neighbours: which other hosts of the mesh are away or down, by the word of the manager and
 * by dials that failed or were not answered.
 *
 * The manager says when a host goes away, when it is back, and when it is down; nobody says
 * that a host which was down is there again. So *down* is believed for a moment only: the
 * next connection finds out, which costs a round trip to the manager.
 *
 * @module
 */

/** Milliseconds for which a host that was down is taken to be down still. */
export const DOWN_MS = 5000;

/** Hosts of which more are not remembered, as many as ranges that are held. */
const MOST_REMEMBERED = 4096;

/** The beliefs of an agent about the other hosts. */
export class Neighbours {
  readonly #now: () => number;
  /** Until when each is left out, by VIP; `Infinity` for those that are away. */
  readonly #until = new Map<number, number>();

  /** Believes everybody to be there; `now` gives milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The host is away, until told otherwise. */
  away(vip: number): void {
    this.#remember(vip, Infinity);
  }

  /** The host is down, or was a moment ago. */
  down(vip: number): void {
    this.#remember(vip, this.#now() + DOWN_MS);
  }

  /** The host is there. */
  back(vip: number): void {
    this.#until.delete(vip);
  }

  /** A manager is about to tell everything anew. */
  forget(): void {
    this.#until.clear();
  }

  /** Whether a connection to the host is worth a try before others. */
  isThere(vip: number): boolean {
    const until = this.#until.get(vip);
    if (until === undefined) return true;
    if (until > this.#now()) return false;
    this.#until.delete(vip);
    return true;
  }

  #remember(vip: number, until: number): void {
    if (this.#until.size >= MOST_REMEMBERED && !this.#until.has(vip)) return;
    this.#until.set(vip, until);
  }
}
