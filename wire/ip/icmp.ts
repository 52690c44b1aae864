/**
 * ICMP: its errors, and the packets that they quote (RFC 792).
 *
 * @module
 */
import {
  headerLengthOf,
  IPV4_HEADER_BYTES,
  isLaterFragment,
  Protocol,
  protocolOf,
  totalLengthOf,
  versionOf,
} from "./ipv4.ts";

/** Codes of ICMP destination unreachable (RFC 792). */
export const Unreachable = {
  /** No route leads to the address. */
  NETWORK: 0,
  /** A route does, but the host cannot be reached. */
  HOST: 1,
  /** A policy forbids the connection (RFC 1812, 5.2.7.1). */
  FORBIDDEN: 13,
} as const;

/** Bytes of a header, behind which an error quotes its packet. */
export const ICMP_HEADER_BYTES = 8;
/** The type of destination unreachable. */
export const ICMP_UNREACHABLE = 3;
/** The type of an echo request. */
export const ICMP_ECHO = 8;
/** The type of the answer to an echo request. */
export const ICMP_ECHO_REPLY = 0;

/** The feature of an agent whose stack answers ICMP echo to its VIP. */
export const ECHO_FEATURE = "echo";
/** Bytes of data in an echo at most: the longest IPv4 packet less two headers. */
export const MOST_ECHO_BYTES = 65_507;

/** Types that are errors themselves and get no answer (RFC 1122, 3.2.2). */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);

/** Whether the packet is an ICMP error, which quotes the packet at fault. */
export function isIcmpError(packet: Uint8Array, at = 0): boolean {
  return protocolOf(packet, at) === Protocol.ICMP &&
    ICMP_ERRORS.has(packet[at + headerLengthOf(packet, at)] ?? ICMP_UNREACHABLE);
}

/**
 * Where the packet begins that the ICMP error at `at` quotes, if the quote has a sound IPv4
 * header and the four bytes behind it, which are the ports if its protocol has any.
 */
export function quotedIn(error: Uint8Array, at = 0): number | undefined {
  const quote = at + headerLengthOf(error, at) + ICMP_HEADER_BYTES;
  const room = at + totalLengthOf(error, at) - quote;
  if (versionOf(error, quote) !== 4) return undefined;
  const header = headerLengthOf(error, quote);
  if (header < IPV4_HEADER_BYTES || room < header + 4) return undefined; // no ports
  return isLaterFragment(error, quote) ? undefined : quote;
}
