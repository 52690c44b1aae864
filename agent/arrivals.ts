/**
 * Connections that other hosts ask for, begun in turns.
 *
 * Each costs a dial, and a host may ask for thousands at once. So only some begin in a
 * turn of the event loop, and the hosts that wait take turns. A connection that comes
 * when none waits begins at once.
 *
 * How many wait is bounded by the stack, which holds so many SYNs and no more.
 *
 * @module
 */

/** Connections that begin in a turn of the event loop. */
export const MOST_BEGUN = 16;

/** See above. */
export class Arrivals {
  readonly #later: (next: () => void) => void;
  /** By host, in the order of their turns; none is empty. */
  readonly #waiting = new Map<number, (() => void)[]>();
  #begun = 0;

  /** `later` calls back in the next turn of the event loop. */
  constructor(later: (next: () => void) => void = (next) => void setTimeout(next)) {
    this.#later = later;
  }

  /** Calls `begin`, now or later, for the host at `address`. */
  add(address: number, begin: () => void): void {
    if (this.#begun === 0) this.#later(() => this.#next());
    if (this.#waiting.size === 0 && this.#begun < MOST_BEGUN) {
      this.#begun++;
      return begin();
    }
    const queue = this.#waiting.get(address);
    if (queue) queue.push(begin);
    else this.#waiting.set(address, [begin]);
  }

  #next(): void {
    this.#begun = 0;
    if (this.#waiting.size === 0) return;
    this.#later(() => this.#next());
    while (this.#begun < MOST_BEGUN) {
      const first = this.#waiting.entries().next().value;
      if (!first) return;
      const [address, queue] = first;
      const begin = queue.shift()!;
      this.#waiting.delete(address);
      if (queue.length > 0) this.#waiting.set(address, queue);
      this.#begun++;
      begin();
    }
  }
}
