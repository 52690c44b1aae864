/**
 * Resets: what the router says for a host that cannot speak itself.
 *
 * A TCP segment gets the reset a host without that connection would send (RFC 9293,
 * 3.10.7.1), so that connections end at once instead of after minutes of retransmission.
 * Other packets, and addresses that lead nowhere, get an ICMP destination unreachable (RFC
 * 792). A connection that is known to be over is reset unasked. Pure: a packet in, a
 * frame or nothing out.
 *
 * @module
 */

import { Frame, FrameType, HEADER_BYTES, writeHeader } from "../wire/frame.ts";
import {
  destinationOf,
  headerLengthOf,
  IPV4_HEADER_BYTES,
  isFragment,
  isLaterFragment,
  Protocol,
  protocolOf,
  readUint16,
  readUint32,
  sourceOf,
  TcpFlag,
  tcpFlagsOf,
  totalLengthOf,
  versionOf,
} from "../wire/ipv4.ts";
import { addWords, foldChecksum } from "./checksum.ts";

/** Codes of ICMP destination unreachable (RFC 792). */
export const Unreachable = {
  /** No route leads to the address. */
  NETWORK: 0,
  /** A route does, but the host cannot be reached. */
  HOST: 1,
} as const;

const TCP_HEADER_BYTES = 20;
const ICMP_HEADER_BYTES = 8;
const ICMP_UNREACHABLE = 3;

/** ICMP types that are errors themselves and get no answer (RFC 1122, 3.2.2). */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);

/** Hops an answer may take (RFC 1122 recommends the IANA default, 64). */
const TIME_TO_LIVE = 64;

/** Whether the packet, sound as police leaves it, is a whole TCP segment. */
export function isSegment(packet: Uint8Array, at = 0): boolean {
  const room = totalLengthOf(packet, at) - headerLengthOf(packet, at);
  return protocolOf(packet, at) === Protocol.TCP && !isFragment(packet, at) &&
    room >= TCP_HEADER_BYTES;
}

/** Whether the packet opens a TCP connection: SYN without ACK. */
export function isOpening(packet: Uint8Array, at = 0): boolean {
  return isSegment(packet, at) &&
    (tcpFlagsOf(packet, at) & (TcpFlag.SYN | TcpFlag.ACK | TcpFlag.RST)) === TcpFlag.SYN;
}

/** Whether the packet is an ICMP error, which quotes the packet it is about. */
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

/**
 * What refuses the packet at `at`, as if its destination had sent it: a reset to a TCP
 * segment, else host unreachable. Nothing where no answer is due.
 */
export function refusalOf(packet: Uint8Array, at = 0): Frame | undefined {
  return isSegment(packet, at)
    ? resetOf(packet, at)
    : unreachableOf(packet, Unreachable.HOST, at);
}

/** The reset to a TCP segment; nothing to a reset. The caller knows that it is TCP. */
export function resetOf(packet: Uint8Array, at = 0): Frame | undefined {
  const flags = tcpFlagsOf(packet, at);
  if ((flags & TcpFlag.RST) !== 0) return undefined;
  const tcp = at + headerLengthOf(packet, at);
  const end = at + totalLengthOf(packet, at);
  const ends = {
    source: destinationOf(packet, at),
    sourcePort: readUint16(packet, tcp + 2),
    destination: sourceOf(packet, at),
    destinationPort: readUint16(packet, tcp),
  };
  if ((flags & TcpFlag.ACK) !== 0) {
    // In the place where the sender expects the next byte; otherwise it would be ignored.
    return resetFor({ ...ends, sequence: readUint32(packet, tcp + 8) });
  }
  const dataBytes = Math.max(0, end - tcp - (packet[tcp + 12]! >>> 4) * 4);
  const length = dataBytes + (flags & TcpFlag.SYN ? 1 : 0) +
    (flags & TcpFlag.FIN ? 1 : 0);
  const acknowledged = readUint32(packet, tcp + 4) + length;
  return resetFor({ ...ends, sequence: 0, acknowledged });
}

/** A reset to be made. */
export interface ResetSpec {
  /** The address and port it seems to come from. */
  readonly source: number;
  readonly sourcePort: number;
  /** The address and port it goes to. */
  readonly destination: number;
  readonly destinationPort: number;
  /**
   * Its sequence number: the very byte that the receiver expects next, or the reset is at
   * best asked back about (RFC 5961, 3.2).
   */
  readonly sequence: number;
  /**
   * Its acknowledgement number. A receiver that has sent its SYN, and nothing more, takes
   * only a reset that acknowledges it; any other does not look.
   */
  readonly acknowledged?: number;
}

/** A reset. */
export function resetFor(spec: ResetSpec): Frame {
  const { source, destination, acknowledged } = spec;
  const frame = packetFrom(source, destination, Protocol.TCP, TCP_HEADER_BYTES);
  const reset = frame.bytes;
  const start = HEADER_BYTES + IPV4_HEADER_BYTES;
  writeUint16(reset, start, spec.sourcePort);
  writeUint16(reset, start + 2, spec.destinationPort);
  writeUint32(reset, start + 4, spec.sequence);
  writeUint32(reset, start + 8, acknowledged ?? 0);
  reset[start + 13] = acknowledged === undefined
    ? TcpFlag.RST
    : TcpFlag.RST | TcpFlag.ACK;
  reset[start + 12] = TCP_HEADER_BYTES / 4 << 4;
  // The pseudo header: addresses, protocol, length.
  const pseudo = addWords(reset, HEADER_BYTES + 12, start) + Protocol.TCP +
    TCP_HEADER_BYTES;
  writeUint16(
    reset,
    start + 16,
    foldChecksum(addWords(reset, start, reset.length, pseudo)),
  );
  return frame;
}

/**
 * The ICMP destination unreachable with `code` to a packet. Nothing to an ICMP error, a
 * later fragment, or where source or destination is not one host (RFC 1122, 3.2.2).
 */
export function unreachableOf(
  packet: Uint8Array,
  code: number,
  at = 0,
): Frame | undefined {
  if (isLaterFragment(packet, at)) return undefined;
  if (!isOneHost(sourceOf(packet, at)) || !isOneHost(destinationOf(packet, at))) {
    return undefined;
  }
  if (isIcmpError(packet, at)) return undefined;
  const header = headerLengthOf(packet, at);
  // The header and the first 8 bytes behind it, which hold the ports.
  const quoted = packet.subarray(
    at,
    at + Math.min(totalLengthOf(packet, at), header + 8),
  );
  const frame = packetFrom(
    destinationOf(packet, at),
    sourceOf(packet, at),
    Protocol.ICMP,
    ICMP_HEADER_BYTES + quoted.length,
  );
  const icmp = frame.bytes;
  const start = HEADER_BYTES + IPV4_HEADER_BYTES;
  icmp[start] = ICMP_UNREACHABLE;
  icmp[start + 1] = code;
  icmp.set(quoted, start + ICMP_HEADER_BYTES);
  writeUint16(icmp, start + 2, foldChecksum(addWords(icmp, start, icmp.length)));
  return frame;
}

/** Neither 0.0.0.0/8, nor multicast, reserved or broadcast. */
function isOneHost(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first < 224;
}

/** A frame with an IPv4 header, and `size` empty bytes behind. */
function packetFrom(
  source: number,
  destination: number,
  protocol: number,
  size: number,
): Frame {
  const total = IPV4_HEADER_BYTES + size;
  const bytes = new Uint8Array(HEADER_BYTES + total);
  writeHeader(bytes, 0, FrameType.L3, total);
  bytes[HEADER_BYTES] = 0x45; // version 4, header of 5 words
  writeUint16(bytes, HEADER_BYTES + 2, total);
  bytes[HEADER_BYTES + 6] = 0x40; // do not fragment, so no identification is needed (RFC 6864)
  bytes[HEADER_BYTES + 8] = TIME_TO_LIVE;
  bytes[HEADER_BYTES + 9] = protocol;
  writeUint32(bytes, HEADER_BYTES + 12, source);
  writeUint32(bytes, HEADER_BYTES + 16, destination);
  const end = HEADER_BYTES + IPV4_HEADER_BYTES;
  writeUint16(bytes, HEADER_BYTES + 10, foldChecksum(addWords(bytes, HEADER_BYTES, end)));
  return new Frame(bytes);
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  writeUint16(bytes, at, value >>> 16);
  writeUint16(bytes, at + 2, value);
}
