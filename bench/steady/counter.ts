/**
 * Counter: a piece of work that does the same in each run, and the counts that say what
 * it cost.
 *
 * Counts hold on any machine under any load, which times do not. What is counted is what
 * costs: calls into the stack, packets, writes, buffers.
 *
 * @module
 */

/** What a piece of work cost, by name. */
export type Counts = Record<string, number>;

/** See the head of this file. */
export interface Counter {
  readonly name: string;
  /**
   * The share by which a count may differ from what is written down; 0 by default, for a
   * count that changes has a reason. More is for simulations, whose figures move with
   * every constant.
   */
  readonly tolerance?: number;
  /** Works, and counts; takes no time from a clock and no chance but from a seed. */
  count(): Promise<Counts>;
}

/** A count that is not what was written down. */
export interface Deviation {
  readonly name: string;
  readonly count: number | undefined;
  readonly written: number | undefined;
}

/** Counts that differ from what is written down, those that are missing included. */
export function deviations(
  { name, tolerance = 0 }: Counter,
  counts: Counts,
  written: Counts = {},
): Deviation[] {
  const names = new Set([...Object.keys(counts), ...Object.keys(written)]);
  return [...names].filter((each) => {
    const [count, wanted] = [counts[each], written[each]];
    if (count === undefined || wanted === undefined) return true;
    return Math.abs(count - wanted) > Math.abs(wanted) * tolerance;
  }).map((each) => ({
    name: `${name}: ${each}`,
    count: counts[each],
    written: written[each],
  }));
}
