/**
 * The Internet checksum (RFC 1071), for the few packets that the router itself makes.
 *
 * @module
 */

import { readUint16 } from "./ipv4.ts";

/**
 * Adds the bytes from `start` to before `end`, as big-endian 16-bit words, to `sum`. An
 * odd last byte counts as the high byte of its word.
 */
export function addWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let at = start;
  for (; at + 1 < end; at += 2) sum += readUint16(bytes, at);
  return at < end ? sum + (bytes[at]! << 8) : sum;
}

/** The checksum of the words in `sum`: the complement of the folded sum. */
export function foldChecksum(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
