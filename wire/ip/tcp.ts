/**
 * TCP: facts about the segment in a packet (RFC 9293).
 *
 * @module
 */
import {
  headerLengthOf,
  isFragment,
  Protocol,
  protocolOf,
  TcpFlag,
  tcpFlagsOf,
  totalLengthOf,
} from "./ipv4.ts";

/** Bytes of a header without options. */
export const TCP_HEADER_BYTES = 20;

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
