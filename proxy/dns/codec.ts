/**
 * `dns-packet`, which encodes messages and decodes names, with types for the part that is
 * used.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import packet from "dns-packet";

/** The part of `dns-packet` that is used; the library has no types of its own. */
interface Codec {
  encode(message: {
    readonly type: "query";
    readonly id: number;
    readonly flags: number;
    readonly questions: readonly { readonly type: string; readonly name: string }[];
    readonly additionals: readonly OptRecord[];
  }): Uint8Array;
  readonly name: {
    encode(name: string): Uint8Array;
    decode(message: Buffer, at: number): string;
  };
  readonly answer: { encode(record: AddressRecord | PtrRecord | OptRecord): Uint8Array };
}

/** A record that holds an address. */
export interface AddressRecord {
  readonly type: "A" | "AAAA";
  readonly name: string;
  readonly ttl: number;
  readonly data: string;
}

/** A record that holds the name of an address. */
export interface PtrRecord {
  readonly type: "PTR";
  readonly name: string;
  readonly ttl: number;
  /** A name. */
  readonly data: string;
}

/** The record that stands for EDNS (RFC 6891, 6.1.2). */
export interface OptRecord {
  readonly type: "OPT";
  readonly name: ".";
  readonly udpPayloadSize: number;
  readonly flags: number;
  readonly extendedRcode: number;
  readonly options: readonly { readonly code: number; readonly data: Buffer }[];
}

/** The library. */
export const codec: Codec = packet;
