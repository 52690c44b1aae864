/**
 * TCP segments as whole IPv4 packets, made and read, for tests.
 *
 * @module
 */
import { checksumOf } from "./_checksum.ts";

/** The fields of a segment; absent fields are zero or empty. */
export interface SegmentFields {
  readonly from: number;
  readonly to: number;
  readonly fromPort: number;
  readonly toPort: number;
  readonly sequence: number;
  readonly acknowledged?: number;
  readonly flags: number;
  readonly window?: number;
  readonly options?: readonly number[];
  readonly data?: Uint8Array;
  /** Options of the IP header, a multiple of four bytes. */
  readonly ipOptions?: readonly number[];
  /** Flags and offset of the IP header's fragment field. */
  readonly fragment?: number;
}

/** A segment from the stack; numbers as on the wire. */
export interface Segment {
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: number;
  readonly window: number;
  readonly data: Uint8Array;
}

/** A packet with right checksums, whatever its fields say. */
export function makeSegment(fields: SegmentFields): Uint8Array<ArrayBuffer> {
  const { options = [], data = new Uint8Array(0), ipOptions = [] } = fields;
  const header = 20 + ipOptions.length;
  const tcpHeader = 20 + options.length;
  const packet = new Uint8Array(header + tcpHeader + data.length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x40 | header / 4;
  view.setUint16(2, packet.length);
  view.setUint16(6, fields.fragment ?? 0);
  packet[8] = 64;
  packet[9] = 6;
  view.setUint32(12, fields.from);
  view.setUint32(16, fields.to);
  packet.set(ipOptions, 20);
  view.setUint16(10, ~checksumOf(packet.subarray(0, header)) & 0xffff);
  view.setUint16(header, fields.fromPort);
  view.setUint16(header + 2, fields.toPort);
  view.setUint32(header + 4, fields.sequence);
  view.setUint32(header + 8, fields.acknowledged ?? 0);
  packet[header + 12] = tcpHeader / 4 << 4;
  packet[header + 13] = fields.flags;
  view.setUint16(header + 14, fields.window ?? 0);
  packet.set(options, header + 20);
  packet.set(data, header + tcpHeader);
  const pseudo = new Uint8Array(12 + tcpHeader + data.length);
  pseudo.set(packet.subarray(12, 20));
  pseudo[9] = 6;
  new DataView(pseudo.buffer).setUint16(10, tcpHeader + data.length);
  pseudo.set(packet.subarray(header), 12);
  view.setUint16(header + 16, ~checksumOf(pseudo) & 0xffff);
  return packet;
}

/** Reads a packet without IP options. */
export function parseSegment(packet: Uint8Array): Segment {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  return {
    sequence: view.getUint32(24),
    acknowledged: view.getUint32(28),
    flags: packet[33]!,
    window: view.getUint16(34),
    data: packet.subarray(20 + (packet[32]! >> 4) * 4),
  };
}
