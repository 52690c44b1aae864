/**
 * Flow: which packets belong together, as a number.
 *
 * @module
 */

import {
  destinationOf,
  headerLengthOf,
  isFragment,
  Protocol,
  protocolOf,
  readUint32,
  sourceOf,
  totalLengthOf,
} from "../wire/ipv4.ts";

/**
 * A 32-bit hash of the five-tuple of the packet at `at`: addresses, protocol and, for TCP
 * and UDP, ports. The pieces of fragmented packets have no ports in common and share the
 * flow of their addresses. `seed` keeps strangers from choosing what collides.
 */
export function flowOf(packet: Uint8Array, at: number, seed: number): number {
  const protocol = protocolOf(packet, at);
  let hash = mix(seed ^ protocol, sourceOf(packet, at));
  hash = mix(hash, destinationOf(packet, at));
  if (protocol !== Protocol.TCP && protocol !== Protocol.UDP) return hash >>> 0;
  const header = headerLengthOf(packet, at);
  if (isFragment(packet, at) || totalLengthOf(packet, at) < header + 4) return hash >>> 0;
  return mix(hash, readUint32(packet, at + header)) >>> 0;
}

/**
 * Takes one more 32-bit word into a hash, which is any 32-bit number. Multiplication carries
 * upwards only, the shift brings it back to the low bits.
 */
export function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1); // 2^32 / golden ratio, odd
  return Math.imul(product ^ product >>> 15, 0x85ebca77);
}
