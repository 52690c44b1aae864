/**
 * IPv4: addresses as text and number, ranges, and the header fields of packets
 * (RFC 791, RFC 9293).
 *
 * An address is an unsigned 32-bit number in host order, so that `10.0.0.1` is
 * `0x0a000001`. The functions that read a packet take bytes and the start of the packet
 * (0, or the header's size in a frame), allocate nothing and check nothing: the
 * caller has made sure that an IPv4 header is there.
 *
 * @module
 */

/** Bytes of an IPv4 header without options. */
export const IPV4_HEADER_BYTES = 20;

/** Values of the protocol field (IANA). */
export const Protocol = {
  /** RFC 792. */
  ICMP: 1,
  /** RFC 9293. */
  TCP: 6,
  /** RFC 768. */
  UDP: 17,
} as const;

/** Bits of the TCP flags byte (RFC 9293, 3.1). */
export const TcpFlag = {
  /** The sender has no more to send. */
  FIN: 0x01,
  /** Opens a connection. */
  SYN: 0x02,
  /** Ends a connection at once. */
  RST: 0x04,
  /** The acknowledgement number is valid. */
  ACK: 0x10,
} as const;

/** A range of addresses: all whose first `prefix` bits are those of `network`. */
export interface Cidr {
  /** The lowest address of the range; bits behind the prefix are zero. */
  readonly network: number;
  /** Number of leading bits that count, 0 to 32. */
  readonly prefix: number;
}

/** Reads a dotted quad, strictly: four decimal numbers up to 255, no leading zeros. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

/** Writes an address as a dotted quad. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${address >>> 16 & 255}.${address >>> 8 & 255}.${
    address & 255
  }`;
}

/**
 * Reads `a.b.c.d/n`. As in NoRouter, bits behind the prefix may be set and are ignored; a
 * plain address is not a range.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [, head, tail] = /^([^/]*)\/(\d|[12]\d|3[0-2])$/.exec(text) ?? [];
  const address = parseIpv4(head ?? "");
  if (address === undefined) return undefined;
  const prefix = Number(tail);
  return { network: (address & maskOf(prefix)) >>> 0, prefix };
}

/** Writes a range as `a.b.c.d/n`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.network)}/${cidr.prefix}`;
}

/** Whether `address` lies in `cidr`. */
export function contains(cidr: Cidr, address: number): boolean {
  return (address & maskOf(cidr.prefix)) >>> 0 === cidr.network;
}

/** A shift by 32 is a shift by 0 in JavaScript, hence the special case. */
function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : -1 << (32 - prefix);
}

/** The 16-bit number at `at`. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 8 | bytes[at + 1]!;
}

/** The unsigned 32-bit number at `at`. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 |
    bytes[at + 3]!) >>> 0;
}

/** The version field; 4 for IPv4. */
export function versionOf(packet: Uint8Array, at = 0): number {
  return packet[at]! >>> 4;
}

/** Bytes of the IPv4 header, options included. */
export function headerLengthOf(packet: Uint8Array, at = 0): number {
  return (packet[at]! & 15) * 4;
}

/** Bytes of the packet, header included. */
export function totalLengthOf(packet: Uint8Array, at = 0): number {
  return readUint16(packet, at + 2);
}

/** The protocol field, see {@linkcode Protocol}. */
export function protocolOf(packet: Uint8Array, at = 0): number {
  return packet[at + 9]!;
}

/** The source address. */
export function sourceOf(packet: Uint8Array, at = 0): number {
  return readUint32(packet, at + 12);
}

/** The destination address. */
export function destinationOf(packet: Uint8Array, at = 0): number {
  return readUint32(packet, at + 16);
}

/** Whether the packet is a fragment, the first included. */
export function isFragment(packet: Uint8Array, at = 0): boolean {
  return (readUint16(packet, at + 6) & 0x3fff) !== 0;
}

/** Whether the packet is a later fragment, which has no TCP or UDP header. */
export function isLaterFragment(packet: Uint8Array, at = 0): boolean {
  return (readUint16(packet, at + 6) & 0x1fff) !== 0;
}

/** The TCP or UDP source port; the caller knows the protocol and that 4 bytes follow. */
export function sourcePortOf(packet: Uint8Array, at = 0): number {
  return readUint16(packet, at + headerLengthOf(packet, at));
}

/** The TCP or UDP destination port; the caller knows the protocol as above. */
export function destinationPortOf(packet: Uint8Array, at = 0): number {
  return readUint16(packet, at + headerLengthOf(packet, at) + 2);
}

/** The TCP flags, see {@linkcode TcpFlag}; the caller knows that 20 bytes follow. */
export function tcpFlagsOf(packet: Uint8Array, at = 0): number {
  return packet[at + headerLengthOf(packet, at) + 13]!;
}
