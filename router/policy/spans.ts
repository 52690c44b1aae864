/**
 * Spans: a set of numbers as sorted ranges that do not touch, for ranges of addresses and of
 * ports.
 *
 * @module
 */

/** Numbers from the first to the last, both among them. */
export type Span = readonly [first: number, last: number];

/** Answers in the logarithm of the number of ranges. */
export class Spans {
  /** First and last of each range, in turns. */
  readonly #bounds: readonly number[];

  /** The numbers of any of `spans`, which may overlap. */
  constructor(spans: readonly Span[]) {
    const bounds: number[] = [];
    for (const [first, last] of spans.toSorted((a, b) => a[0] - b[0])) {
      const end = bounds.at(-1);
      if (end === undefined || first > end + 1) bounds.push(first, last);
      else if (last > end) bounds[bounds.length - 1] = last;
    }
    this.#bounds = bounds;
  }

  /** The least of them; Infinity if there is none. */
  get first(): number {
    return this.#bounds[0] ?? Infinity;
  }

  /** The greatest of them; -Infinity if there is none. */
  get last(): number {
    return this.#bounds.at(-1) ?? -Infinity;
  }

  /** Whether `value` is among them. */
  has(value: number): boolean {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length >>> 1;
    while (low < high) {
      const middle = low + high >>> 1;
      if (bounds[middle * 2 + 1]! < value) low = middle + 1;
      else high = middle;
    }
    return low * 2 < bounds.length && bounds[low * 2]! <= value;
  }
}
