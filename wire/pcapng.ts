/**
 * pcapng: blocks of a capture file (draft-ietf-opsawg-pcapng), written little-endian.
 *
 * ```text
 * section header                          once, first
 * interface description, name resolution  before the first packet that needs them
 * enhanced packet …                       each names its interface by number
 * interface statistics                    of each interface, last; also in between
 * ```
 *
 * Interfaces are numbered in the order of their descriptions, from 0. Times are nanoseconds
 * since 1970. Packets are IPv4 without a link layer.
 *
 * @module
 */

/** Types of blocks (section 11.1 of the draft). */
export const BlockType = {
  INTERFACE: 1,
  NAMES: 4,
  STATISTICS: 5,
  PACKET: 6,
  SECTION: 0x0a0d0d0a,
} as const;

/** Packets are IPv4, header first (LINKTYPE_IPV4). */
export const LINKTYPE_IPV4 = 228;
/** Tells the byte order. */
const BYTE_ORDER = 0x1a2b3c4d;
/** The length of a section that is not known. */
const UNKNOWN = 0xffff_ffff;

/** Codes of options; each kind of block but the comment has its own. */
const Option = {
  COMMENT: 1,
  SECTION_SYSTEM: 3,
  SECTION_APPLICATION: 4,
  INTERFACE_NAME: 2,
  INTERFACE_DESCRIPTION: 3,
  INTERFACE_IPV4: 4,
  INTERFACE_RESOLUTION: 9,
  PACKET_FLAGS: 2,
  PACKET_DROPPED: 4,
  START: 2,
  END: 3,
  RECEIVED: 4,
  DROPPED: 5,
  ACCEPTED: 6,
  DELIVERED: 8,
} as const;

/** Times are in units of 10^-9 s. */
const NANOSECONDS = 9;

/** Bytes of a packet block around the packet and its options. */
const PACKET_BYTES = 32;
/** Bytes of the option `flags`, and of the end of options. */
const FLAGS_BYTES = 8 + 4;
/** Bytes of the option that counts what was dropped before a packet. */
const DROPPED_BYTES = 4 + 8;

/** The way of a packet, seen from who captures: bits of the option `flags`. */
export const Direction = {
  /** From the interface's host. */
  INBOUND: 1,
  /** To the interface's host. */
  OUTBOUND: 2,
} as const;

/** What begins a file. */
export interface Section {
  /** The program that captures, with its version. */
  readonly application: string;
  /** The system it runs on. */
  readonly system: string;
  /** For people. */
  readonly comment: string;
}

/** An interface. */
export interface Interface {
  readonly name: string;
  /** For people. */
  readonly description: string;
  readonly address: number;
  /** Bytes of a packet that are kept; 0 for all. */
  readonly snaplen: number;
}

/** A packet that is kept, or the beginning of it. */
export interface Packet {
  /** The number of its interface. */
  readonly index: number;
  readonly time: bigint;
  readonly direction: typeof Direction[keyof typeof Direction];
  /** Holds the packet. */
  readonly bytes: Uint8Array;
  /** Where in `bytes` the packet begins. */
  readonly start: number;
  /** Bytes that are kept. */
  readonly length: number;
  /** Bytes that it had. */
  readonly original: number;
  /** Packets of its interface that were dropped just before it. */
  readonly dropped: number;
  /** UTF-8 for people. */
  readonly comment?: Uint8Array | undefined;
}

/** What an interface has counted since the start of the capture. */
export interface Statistics {
  /** The number of the interface. */
  readonly index: number;
  readonly start: bigint;
  readonly end: bigint;
  /** Packets that were looked at. */
  readonly received: number;
  /** Those of them that the filter let pass. */
  readonly accepted: number;
  /** Those of them that are in the file. */
  readonly delivered: number;
  /** Those that are not, for want of room. */
  readonly dropped: number;
}

/** An address, and its names. */
export interface Resolved {
  readonly address: number;
  readonly names: readonly string[];
}

const encoder = new TextEncoder();

/** The first block of a file. */
export function sectionHeader({ application, system, comment }: Section): Uint8Array {
  const body = new Bytes();
  body.uint32(BYTE_ORDER);
  body.uint16(1); // version 1.0
  body.uint16(0);
  body.uint32(UNKNOWN);
  body.uint32(UNKNOWN);
  body.option(Option.COMMENT, encoder.encode(comment));
  body.option(Option.SECTION_SYSTEM, encoder.encode(system));
  body.option(Option.SECTION_APPLICATION, encoder.encode(application));
  body.endOfOptions();
  return block(BlockType.SECTION, body);
}

/** Describes the next interface. */
export function interfaceDescription(
  { name, description, address, snaplen }: Interface,
): Uint8Array {
  const body = new Bytes();
  body.uint16(LINKTYPE_IPV4);
  body.uint16(0);
  body.uint32(snaplen);
  body.option(Option.INTERFACE_NAME, encoder.encode(name));
  body.option(Option.INTERFACE_DESCRIPTION, encoder.encode(description));
  // Address and mask, as on the wire.
  body.option(
    Option.INTERFACE_IPV4,
    new Uint8Array([...octets(address), 255, 255, 255, 255]),
  );
  body.option(Option.INTERFACE_RESOLUTION, new Uint8Array([NANOSECONDS]));
  body.endOfOptions();
  return block(BlockType.INTERFACE, body);
}

/** Names addresses. */
export function nameResolution(resolved: readonly Resolved[]): Uint8Array {
  const body = new Bytes();
  for (const { address, names } of resolved) {
    const record = [...octets(address)];
    for (const name of names) record.push(...encoder.encode(name), 0);
    body.option(1, new Uint8Array(record)); // nrb_record_ipv4, built as options are
  }
  body.endOfOptions(); // nrb_record_end
  return block(BlockType.NAMES, body);
}

/** Tells what was counted. */
export function interfaceStatistics(
  { index, start, end, received, dropped, accepted, delivered }: Statistics,
): Uint8Array {
  const body = new Bytes();
  body.uint32(index);
  body.time(end);
  for (const [code, time] of [[Option.START, start], [Option.END, end]] as const) {
    const value = new Bytes();
    value.time(time);
    body.option(code, value.whole());
  }
  for (
    const [code, count] of [
      [Option.RECEIVED, received],
      [Option.DROPPED, dropped],
      [Option.ACCEPTED, accepted],
      [Option.DELIVERED, delivered],
    ] as const
  ) {
    const value = new Uint8Array(8);
    new DataView(value.buffer).setBigUint64(0, BigInt(count), true);
    body.option(code, value);
  }
  body.endOfOptions();
  return block(BlockType.STATISTICS, body);
}

/** The length of a packet's block in bytes. */
export function packetBlockBytes(
  { length, dropped, comment }: Pick<Packet, "length" | "dropped" | "comment">,
): number {
  return PACKET_BYTES + padded(length) + FLAGS_BYTES +
    (dropped > 0 ? DROPPED_BYTES : 0) +
    (comment === undefined ? 0 : 4 + padded(comment.length));
}

/**
 * Writes a packet's block into `view` at `at`, where it has room, and returns its end. The
 * bytes there have to be zero.
 */
export function writePacket(view: DataView, at: number, packet: Packet): number {
  const { index, time, direction, bytes, start, length, original, dropped, comment } =
    packet;
  const into = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const total = packetBlockBytes(packet);
  view.setUint32(at, BlockType.PACKET, true);
  view.setUint32(at + 4, total, true);
  view.setUint32(at + 8, index, true);
  view.setUint32(at + 12, Number(time >> 32n), true);
  view.setUint32(at + 16, Number(time & 0xffff_ffffn), true);
  view.setUint32(at + 20, length, true);
  view.setUint32(at + 24, original, true);
  into.set(bytes.subarray(start, start + length), at + 28);
  let next = at + 28 + padded(length);
  if (comment !== undefined) {
    view.setUint16(next, Option.COMMENT, true);
    view.setUint16(next + 2, comment.length, true);
    into.set(comment, next + 4);
    next += 4 + padded(comment.length);
  }
  view.setUint16(next, Option.PACKET_FLAGS, true);
  view.setUint16(next + 2, 4, true);
  view.setUint32(next + 4, direction, true);
  next += 8;
  if (dropped > 0) {
    view.setUint16(next, Option.PACKET_DROPPED, true);
    view.setUint16(next + 2, 8, true);
    view.setBigUint64(next + 4, BigInt(dropped), true);
    next += DROPPED_BYTES;
  }
  next += 4; // the end of options is all zeros
  view.setUint32(next, total, true);
  return next + 4;
}

function block(type: number, body: Bytes): Uint8Array {
  const content = body.whole();
  const total = content.length + 12;
  const framed = new Bytes();
  framed.uint32(type);
  framed.uint32(total);
  framed.raw(content);
  framed.uint32(total);
  return framed.whole();
}

function octets(address: number): number[] {
  return [24, 16, 8, 0].map((shift) => address >>> shift & 255);
}

/** A length with the bytes behind it up to a multiple of four. */
function padded(length: number): number {
  return length + 3 & ~3;
}

/** Bytes that become more. */
class Bytes {
  readonly #bytes: number[] = [];

  uint16(value: number): void {
    this.#bytes.push(value & 255, value >>> 8 & 255);
  }

  uint32(value: number): void {
    this.uint16(value & 0xffff);
    this.uint16(value >>> 16);
  }

  /** The high half first, whatever the byte order. */
  time(time: bigint): void {
    this.uint32(Number(time >> 32n));
    this.uint32(Number(time & 0xffff_ffffn));
  }

  option(code: number, value: Uint8Array): void {
    this.uint16(code);
    this.uint16(value.length);
    this.raw(value);
    while (this.#bytes.length % 4 !== 0) this.#bytes.push(0);
  }

  endOfOptions(): void {
    this.uint32(0);
  }

  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  whole(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }
}
