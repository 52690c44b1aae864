/**
 * Fifo: a queue on a ring that grows by doubling, with no allocation per item.
 *
 * @module
 */

/** Items come out in the order they went in. */
export class Fifo<T> {
  /** Its length is a power of two, so that the place of an item is a mask away. */
  #ring: (T | undefined)[] = new Array(8);
  #head = 0;
  #length = 0;

  /** Number of items. */
  get length(): number {
    return this.#length;
  }

  /** Adds an item at the end. */
  push(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = item;
  }

  /** Adds an item at the beginning. */
  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#length++;
  }

  /** The item `index` places behind the first, if there is one. */
  at(index: number): T | undefined {
    if (index >= this.#length) return undefined;
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)];
  }

  /** Takes the first item, if there is one. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    // A burst long past does not keep its ring.
    if (this.#ring.length > 64 && this.#length * 8 < this.#ring.length) {
      this.#resize(this.#ring.length / 4);
    }
    return item;
  }

  #resize(size: number): void {
    const ring = new Array<T | undefined>(size);
    for (let i = 0; i < this.#length; i++) ring[i] = this.at(i);
    this.#ring = ring;
    this.#head = 0;
  }
}
