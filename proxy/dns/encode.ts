/**
 * DNS messages of our own: queries for addresses, and answers, with EDNS (RFC 6891).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { type AddressRecord, codec, type OptRecord, type PtrRecord } from "./codec.ts";
import { DNS_HEADER_BYTES, EXTENDED_ERROR_OPTION, Flag } from "./numbers.ts";
import { flagsOf, idOf, type Message, type ResourceRecord } from "./message.ts";
import { optOf } from "./records.ts";

/** The size that our answers announce for UDP, which we do not speak as a server. */
const UDP_PAYLOAD_BYTES = 1232;

/** The DO bit in an OPT record's flags (RFC 3225). */
const DNSSEC_OK = 0x8000;

/**
 * A query for the addresses of `name`, which is in ASCII and no longer than names are.
 * With `edns` a refusal can come with its reason.
 */
export function encodeQuery(id: number, name: string, edns: boolean): Uint8Array {
  const questions = [{ type: "A", name }];
  const additionals = edns ? [optRecord({})] : [];
  return codec.encode({ type: "query", id, flags: Flag.RD, questions, additionals });
}

/** The content of an answer of our own. */
export interface OwnAnswer {
  readonly rcode: number;
  /** Whether the answer is from who is in charge of the name. */
  readonly authoritative?: boolean;
  /** IPv4 addresses, 32 bits in host order. */
  readonly addresses?: readonly number[];
  /** IPv6 addresses, as text. */
  readonly addresses6?: readonly string[];
  /** Names that the question's name points to (PTR). */
  readonly names?: readonly string[];
  /** Seconds that these may be kept. */
  readonly ttl?: number;
  /** Why there is no answer; told to those who use EDNS. */
  readonly reason?: Reason;
}

/** Why a server has no answer: an extended error (RFC 8914). */
export interface Reason {
  /** See {@linkcode ExtendedError}. */
  readonly code: number;
  /** For people, short. */
  readonly text: string;
}

/**
 * An answer to `query`, whose question comes back byte for byte, with capitals and
 * unknown types. `query` may be a header only, if the rest could not be read.
 */
export function encodeAnswer(query: Message, answer: OwnAnswer): Uint8Array<ArrayBuffer> {
  const { bytes, question } = query;
  const name = question?.name || ".";
  const ttl = answer.ttl ?? 0;
  const records: (AddressRecord | PtrRecord)[] = [
    ...(answer.addresses ?? []).map((address) =>
      ({ type: "A", name, ttl, data: formatIpv4(address) }) as const
    ),
    ...(answer.addresses6 ?? []).map((data) =>
      ({ type: "AAAA", name, ttl, data }) as const
    ),
    ...(answer.names ?? []).map((data) => ({ type: "PTR", name, ttl, data }) as const),
  ];
  const opt = optOf(query);
  // RFC 6891, 6.1.3: a version that is not known is told so, BADVERS being 16.
  const badVersion = opt !== undefined && (opt.ttl >>> 16 & 255) > 0;
  const parts = [
    bytes.subarray(DNS_HEADER_BYTES, question?.end ?? DNS_HEADER_BYTES),
    ...(badVersion ? [] : records.map((record) => codec.answer.encode(record))),
    ...(opt ? [encodeOpt(opt, { badVersion, reason: answer.reason })] : []),
  ];
  const length = parts.reduce((sum, part) => sum + part.length, DNS_HEADER_BYTES);
  const result = new Uint8Array(length);
  const view = new DataView(result.buffer);
  view.setUint16(0, idOf(bytes));
  view.setUint16(
    2,
    Flag.QR | flagsOf(bytes) & (0x7800 | Flag.RD | Flag.CD) | Flag.RA |
      (answer.authoritative ? Flag.AA : 0) | (badVersion ? 0 : answer.rcode),
  );
  view.setUint16(4, question ? 1 : 0);
  view.setUint16(6, badVersion ? 0 : records.length);
  view.setUint16(10, opt ? 1 : 0);
  let at = DNS_HEADER_BYTES;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function encodeOpt(
  asked: ResourceRecord,
  { badVersion, reason }: { badVersion: boolean; reason: Reason | undefined },
): Uint8Array {
  return codec.answer.encode(optRecord({
    flags: asked.ttl & DNSSEC_OK,
    extendedRcode: badVersion ? 1 : 0,
    options: reason ? [encodeReason(reason)] : [],
  }));
}

function optRecord(
  { flags = 0, extendedRcode = 0, options = [] }: Partial<OptRecord>,
): OptRecord {
  const udpPayloadSize = UDP_PAYLOAD_BYTES;
  return { type: "OPT", name: ".", udpPayloadSize, flags, extendedRcode, options };
}

function encodeReason({ code, text }: Reason): OptRecord["options"][number] {
  const data = Buffer.concat([Buffer.from([code >>> 8, code]), Buffer.from(text)]);
  return { code: EXTENDED_ERROR_OPTION, data };
}
