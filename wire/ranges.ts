/**
 * Sets of addresses as lists of ranges.
 *
 * @module
 */

import type { Cidr } from "./ipv4.ts";

/**
 * The addresses in any of `ranges` and in none of `holes`, as the shortest list of ranges,
 * in order of addresses. A hole in a range leaves one range for each bit by which their
 * prefixes differ, so at most 32.
 */
export function subtract(ranges: readonly Cidr[], holes: readonly Cidr[]): Cidr[] {
  return within({ network: 0, prefix: 0 }, ranges, holes);
}

/** The same, of the addresses within `whole`; what is given lies at least partly in it. */
function within(whole: Cidr, ranges: readonly Cidr[], holes: readonly Cidr[]): Cidr[] {
  if (ranges.length === 0 || holes.some((hole) => hole.prefix <= whole.prefix)) return [];
  if (holes.length === 0 && ranges.some((range) => range.prefix <= whole.prefix)) {
    return [whole];
  }
  const prefix = whole.prefix + 1;
  const size = 2 ** (32 - prefix);
  const found = [whole.network, whole.network + size].flatMap((network) => {
    const half = { network, prefix };
    const meets = (range: Cidr) => overlaps(range, half);
    return within(half, ranges.filter(meets), holes.filter(meets));
  });
  // Two halves that are there as a whole are one range.
  const isWhole = found.length === 2 && found.every((part) => part.prefix === prefix);
  return isWhole ? [whole] : found;
}

/** Whether two ranges share an address; then one lies in the other. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  const size = 2 ** (32 - Math.min(a.prefix, b.prefix));
  return Math.floor(a.network / size) === Math.floor(b.network / size);
}
