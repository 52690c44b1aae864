/**
 * Flow: which packets belong together, as a number.
 *
 * @module
 */

import {
  destinationOf,
  destinationPortOf,
  headerLengthOf,
  isFragment,
  Protocol,
  protocolOf,
  readUint32,
  sourceOf,
  sourcePortOf,
  totalLengthOf,
} from "../../wire/ip/ipv4.ts";
import { isIcmpError, quotedIn } from "../../wire/ip/icmp.ts";

/**
 * A 32-bit hash of the five-tuple of the packet at `at`: addresses, protocol and, for TCP
 * and UDP, ports. The pieces of fragmented packets have no ports in common and share the
 * flow of their addresses. An ICMP error is of the flow that answers the packet it
 * quotes, so the reset behind that error, which tells less, does not overtake. `seed`
 * keeps strangers from choosing flows that collide.
 */
export function flowOf(packet: Uint8Array, at: number, seed: number): number {
  const protocol = protocolOf(packet, at);
  if (protocol === Protocol.ICMP) {
    const quote = answeredBy(packet, at);
    if (quote !== undefined) {
      const hash = mix(seed ^ protocolOf(packet, quote), destinationOf(packet, quote));
      const ports = destinationPortOf(packet, quote) << 16 | sourcePortOf(packet, quote);
      return mix(mix(hash, sourceOf(packet, quote)), ports) >>> 0;
    }
  }
  let hash = mix(seed ^ protocol, sourceOf(packet, at));
  hash = mix(hash, destinationOf(packet, at));
  if (!hasPorts(protocol)) return hash >>> 0;
  const header = headerLengthOf(packet, at);
  if (isFragment(packet, at) || totalLengthOf(packet, at) < header + 4) return hash >>> 0;
  return mix(hash, readUint32(packet, at + header)) >>> 0;
}

/** The offset of the packet that an ICMP error quotes, if that packet has ports. */
function answeredBy(packet: Uint8Array, at: number): number | undefined {
  if (isFragment(packet, at) || !isIcmpError(packet, at)) return undefined;
  const quote = quotedIn(packet, at);
  if (quote === undefined || !hasPorts(protocolOf(packet, quote))) return undefined;
  return quote;
}

function hasPorts(protocol: number): boolean {
  return protocol === Protocol.TCP || protocol === Protocol.UDP;
}

/**
 * Takes a further 32-bit word into a hash, which is any 32-bit number. Multiplication
 * carries upwards only, the shift brings the high bits back to the low bits.
 */
export function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1); // 2^32 / golden ratio, odd
  return Math.imul(product ^ product >>> 15, 0x85ebca77);
}
