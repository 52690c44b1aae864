/**
 * Packets for the tests of this folder.
 *
 * @module
 */

import { encodeFrame, type Frame, FrameType } from "../wire/frame.ts";
import { parseIpv4, Protocol, TcpFlag } from "../wire/ip/ipv4.ts";
import { addWords, foldChecksum } from "../wire/ip/checksum.ts";

/** What a test says about a packet; the rest is sensible. */
export interface PacketSpec {
  /** Source address. Default 127.0.42.100. */
  from?: string;
  /** Destination address. Default 127.0.42.101. */
  to?: string;
  /** Source port. Default 40000. */
  fromPort?: number;
  /** Destination port. Default 80. */
  toPort?: number;
  /** TCP flags. Default ACK. */
  flags?: number;
  /** Sequence number. Default 1000. */
  seq?: number;
  /** Acknowledgement number. Default 2000. */
  ack?: number;
  /** Data behind the TCP header, in bytes. Default 0. */
  data?: number;
  /** Bytes of IPv4 options and of TCP options. Default 0. */
  options?: number;
  /** The protocol field. Default TCP. */
  protocol?: number;
  /** Flags and fragment offset. Default 0. */
  fragment?: number;
}

/** A packet with a TCP header (whatever its protocol field says), checksums not set. */
export function packet(spec: PacketSpec = {}): Uint8Array {
  const options = spec.options ?? 0;
  const header = 20 + options;
  const bytes = new Uint8Array(header + 20 + options + (spec.data ?? 0));
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x40 | header / 4;
  view.setUint16(2, bytes.length);
  view.setUint16(6, spec.fragment ?? 0);
  bytes[8] = 64;
  bytes[9] = spec.protocol ?? Protocol.TCP;
  view.setUint32(12, parseIpv4(spec.from ?? "127.0.42.100")!);
  view.setUint32(16, parseIpv4(spec.to ?? "127.0.42.101")!);
  view.setUint16(header, spec.fromPort ?? 40000);
  view.setUint16(header + 2, spec.toPort ?? 80);
  view.setUint32(header + 4, spec.seq ?? 1000);
  view.setUint32(header + 8, spec.ack ?? 2000);
  bytes[header + 12] = (20 + options) / 4 << 4;
  bytes[header + 13] = spec.flags ?? TcpFlag.ACK;
  return bytes;
}

/** The same in a frame. */
export function packetFrame(spec: PacketSpec = {}): Frame {
  return encodeFrame(FrameType.L3, packet(spec));
}

/** A control frame; its content does not matter to the router. */
export function controlFrame(text = "{}"): Frame {
  return encodeFrame(FrameType.JSON, new TextEncoder().encode(text));
}

/** Whether the IPv4 header, and the TCP or ICMP checksum behind it, are right. */
export function hasValidChecksums(packet: Uint8Array): boolean {
  const header = (packet[0]! & 15) * 4;
  if (foldChecksum(addWords(packet, 0, header)) !== 0) return false;
  let sum = addWords(packet, header, packet.length);
  if (packet[9] === Protocol.TCP) {
    sum = addWords(packet, 12, 20, sum) + Protocol.TCP + packet.length - header;
  }
  return foldChecksum(sum) === 0;
}

/** One batch after the other. */
export async function* batchesOf(...batches: Frame[][]): AsyncGenerator<Frame[]> {
  for (const batch of batches) yield batch;
}

/** All that comes out of a pipeline. */
export async function collect(batches: AsyncIterable<Frame[]>): Promise<Frame[][]> {
  const all: Frame[][] = [];
  for await (const batch of batches) all.push([...batch]);
  return all;
}
