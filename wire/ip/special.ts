/**
 * Ranges of routes, and the addresses that no route takes by chance.
 *
 * A wide range such as 0.0.0.0/0 is not meant to include the machine that dials
 * (127.0.0.0/8; 0.0.0.0/8, which systems take for themselves) nor the hosts on its link
 * (169.254.0.0/16, where clouds keep their keys). These ranges are special: only a range
 * within a special range means its addresses.
 *
 * @module
 */
import { type Cidr, contains } from "./ipv4.ts";
import { PRIVATE_TO_MACHINE as SPECIAL } from "./ranges.ts";

/** Whether `address` is of the machine that dials, or of its link. */
export function isSpecial(address: number): boolean {
  return SPECIAL.some((range) => contains(range, address));
}

/** Whether any of the ranges means `address`. */
export function inRanges(ranges: readonly Cidr[], address: number): boolean {
  const special = SPECIAL.find((range) => contains(range, address));
  return ranges.some((range) =>
    contains(range, address) &&
    (!special || range.prefix >= special.prefix && contains(special, range.network))
  );
}
