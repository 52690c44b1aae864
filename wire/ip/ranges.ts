/**
 * Sets of addresses as lists of ranges.
 *
 * @module
 */

import type { Cidr } from "./ipv4.ts";

/**
 * Ranges that each machine has to itself: "this network" and loopback (RFC 1122, section
 * 3.2.1.3), and its link (RFC 3927). A wider range such as `0.0.0.0/0` in a route does not
 * mean them, a range that lies within them does.
 */
export const PRIVATE_TO_MACHINE: readonly Cidr[] = [
  { network: 0x00000000, prefix: 8 },
  { network: 0x7f000000, prefix: 8 },
  { network: 0xa9fe0000, prefix: 16 },
];

/**
 * The ranges of a route without its exceptions, as agents may be told them: the remains
 * of a wide range never lie within {@linkcode PRIVATE_TO_MACHINE}, which would give them
 * a meaning that the wide range did not have.
 */
export function withoutExceptions(
  ranges: readonly Cidr[],
  exceptions: readonly Cidr[],
): readonly Cidr[] {
  if (exceptions.length === 0) return ranges;
  const isNamed = (range: Cidr) =>
    PRIVATE_TO_MACHINE.some((own) => own.prefix <= range.prefix && overlaps(own, range));
  const wide = ranges.filter((range) => !isNamed(range));
  const named = ranges.filter(isNamed);
  // Not as a single list: neighbours of the two would be joined.
  return [
    ...subtract(wide, [...exceptions, ...PRIVATE_TO_MACHINE]),
    ...subtract(named, exceptions),
  ];
}

/**
 * The addresses in any of `ranges` and in none of `holes`, as the shortest list of ranges,
 * in order of addresses. A hole in a range leaves a range for each bit by which their
 * prefixes differ, so at most 32.
 */
export function subtract(ranges: readonly Cidr[], holes: readonly Cidr[]): Cidr[] {
  return within({ network: 0, prefix: 0 }, ranges, holes);
}

/** The same, of the addresses within `whole`; all ranges given overlap `whole`. */
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
  // Two whole halves make a single range.
  const isWhole = found.length === 2 && found.every((part) => part.prefix === prefix);
  return isWhole ? [whole] : found;
}

/** Whether two ranges share an address; then one lies in the other. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  const size = 2 ** (32 - Math.min(a.prefix, b.prefix));
  return Math.floor(a.network / size) === Math.floor(b.network / size);
}
