/**
 * Numbers of DNS: types, classes, response codes and flags (RFC 1035, IANA).
 *
 * @module
 */
/** Bytes of the header. */
export const DNS_HEADER_BYTES = 12;

/** The longest message: over TCP its length has 16 bits (RFC 1035, 4.2.2). */
export const MAX_MESSAGE_BYTES = 65_535;

/** Record types (IANA) that are treated in a way of their own. */
export const Type = {
  A: 1,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  AAAA: 28,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

/** Classes (IANA). */
export const Class = { IN: 1, ANY: 255 } as const;

/** Response codes (RFC 1035, 4.1.1). */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
} as const;

const RCODE_NAMES = Object.keys(Rcode);

/** A response code as people write it. */
export function formatRcode(rcode: number): string {
  return RCODE_NAMES[rcode] ?? `RCODE ${rcode}`;
}

/** Bits of the 16-bit word of flags (RFC 1035, 4.1.1; RFC 4035, 3.2). */
export const Flag = {
  /** The message is an answer. */
  QR: 0x8000,
  /** The answer comes from who is in charge of the name. */
  AA: 0x0400,
  /** The answer is cut short. */
  TC: 0x0200,
  /** Recursion is desired. */
  RD: 0x0100,
  /** Recursion is available. */
  RA: 0x0080,
  /** Signatures are not to be checked. */
  CD: 0x0010,
} as const;

/** Codes of extended errors (RFC 8914, 4). */
export const ExtendedError = { BLOCKED: 15, PROHIBITED: 18 } as const;

/** The EDNS option that holds an extended error (RFC 8914, 2). */
export const EXTENDED_ERROR_OPTION = 15;
