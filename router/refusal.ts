/**
 * Resets: the router's answers for a host that cannot answer itself.
 *
 * A TCP segment gets the reset a host without that connection would send (RFC 9293,
 * 3.10.7.1), so that connections end at once instead of after minutes of retransmission.
 * Other packets, and addresses that lead nowhere, get an ICMP destination unreachable
 * (RFC 792). A connection that is known to be over is reset unasked. Pure: a packet in, a
 * frame or nothing out.
 *
 * @module
 */

import { Frame, FrameType, HEADER_BYTES, writeHeader } from "../wire/frame.ts";
import {
  destinationOf,
  headerLengthOf,
  IPV4_HEADER_BYTES,
  isLaterFragment,
  Protocol,
  readUint16,
  readUint32,
  sourceOf,
  TcpFlag,
  tcpFlagsOf,
  totalLengthOf,
} from "../wire/ip/ipv4.ts";
import { addWords, foldChecksum } from "../wire/ip/checksum.ts";
import {
  ICMP_HEADER_BYTES,
  ICMP_UNREACHABLE,
  isIcmpError,
  Unreachable,
} from "../wire/ip/icmp.ts";
import { isSegment, TCP_HEADER_BYTES } from "../wire/ip/tcp.ts";

/** Hops an answer may take (RFC 1122 recommends the IANA default, 64). */
const TIME_TO_LIVE = 64;

/**
 * The refusal of the packet at `at`, as if from its destination: a reset to a TCP
 * segment, else host unreachable. Undefined where no answer is due.
 */
export function refusalOf(packet: Uint8Array, at = 0): Frame | undefined {
  return isSegment(packet, at)
    ? resetOf(packet, at)
    : unreachableOf(packet, Unreachable.HOST, at);
}

/**
 * The reset to a TCP segment; undefined to a reset. The caller knows that the packet is
 * TCP.
 */
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
    // At the byte that the sender expects next; otherwise the reset would be ignored.
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
  /** The address and port that the reset seems to come from. */
  readonly source: number;
  readonly sourcePort: number;
  /** The address and port that the reset goes to. */
  readonly destination: number;
  readonly destinationPort: number;
  /**
   * Its sequence number: the very byte that the receiver expects next, or the reset is at
   * best asked back about (RFC 5961, 3.2).
   */
  readonly sequence: number;
  /**
   * Its acknowledgement number. A receiver that has sent its SYN, and nothing more, takes
   * only a reset that acknowledges the SYN; any other receiver does not look.
   */
  readonly acknowledged?: number;
}

/** A reset. */
export function resetFor(spec: ResetSpec): Frame {
  const { acknowledged } = spec;
  return segmentFor(
    spec,
    acknowledged === undefined ? TcpFlag.RST : TcpFlag.RST | TcpFlag.ACK,
  );
}

/**
 * A bare acknowledgement, or one that `isSyn`. A TCP that has the connection answers with its
 * own numbers: to the first if `sequence` is outside of its window (RFC 9293, 3.10.7.4), to
 * the second whatever it is (RFC 5961, 4). One that has not answers with a reset.
 */
export function provocationFor(spec: ResetSpec, isSyn: boolean): Frame {
  return segmentFor(spec, isSyn ? TcpFlag.SYN | TcpFlag.ACK : TcpFlag.ACK);
}

function segmentFor(spec: ResetSpec, flags: number): Frame {
  const { source, destination, acknowledged } = spec;
  const frame = packetFrom(source, destination, Protocol.TCP, TCP_HEADER_BYTES);
  const reset = frame.bytes;
  const start = HEADER_BYTES + IPV4_HEADER_BYTES;
  writeUint16(reset, start, spec.sourcePort);
  writeUint16(reset, start + 2, spec.destinationPort);
  writeUint32(reset, start + 4, spec.sequence);
  writeUint32(reset, start + 8, acknowledged ?? 0);
  reset[start + 13] = flags;
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
export function packetFrom(
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
