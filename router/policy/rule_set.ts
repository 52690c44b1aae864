/**
 * Rule set: some of the rules of a policy, by their numbers.
 *
 * @module
 */

/** A bit for each rule. */
export class RuleSet {
  readonly #words: Uint32Array;

  /** The rules of those numbers, each less than `count`. */
  constructor(count: number, rules: Iterable<number>) {
    this.#words = new Uint32Array(count + 31 >>> 5);
    for (const rule of rules) this.#words[rule >>> 5]! |= 1 << (rule & 31);
  }

  /** Whether the rule is among them. */
  has(rule: number): boolean {
    return (this.#words[rule >>> 5]! >>> (rule & 31) & 1) !== 0;
  }
}
