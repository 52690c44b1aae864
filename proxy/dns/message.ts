/**
 * DNS messages (RFC 1035, EDNS of RFC 6891): what this program has to know of one, and the
 * answers it makes itself.
 *
 * `dns-packet` encodes, and decodes names. Messages of others are passed on as the bytes
 * they are, so that types, options and signatures nobody here knows survive; to count down
 * a TTL, or to see that a record holds an address, their places in the message are needed,
 * which the library does not tell. So records are walked here, and only walked: the walk
 * follows no pointers and allocates nothing that a message's sender can make large.
 */
import { Buffer } from "node:buffer";
import packet from "dns-packet";
import { formatIpv4, readUint16, readUint32 } from "../../wire/ip/ipv4.ts";

/** What is used of `dns-packet`, which has no types of its own. */
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

interface AddressRecord {
  readonly type: "A" | "AAAA";
  readonly name: string;
  readonly ttl: number;
  readonly data: string;
}

interface PtrRecord {
  readonly type: "PTR";
  readonly name: string;
  readonly ttl: number;
  /** A name. */
  readonly data: string;
}

interface OptRecord {
  readonly type: "OPT";
  readonly name: ".";
  readonly udpPayloadSize: number;
  readonly flags: number;
  readonly extendedRcode: number;
  readonly options: readonly { readonly code: number; readonly data: Buffer }[];
}

const codec: Codec = packet;

/** Bytes of the header. */
export const HEADER_BYTES = 12;
/** The longest message: over TCP its length has 16 bits (RFC 1035, 4.2.2). */
export const MAX_MESSAGE_BYTES = 65_535;
/** What our own answers say we take over UDP, which we do not speak as a server. */
const UDP_PAYLOAD_BYTES = 1232;

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

/** The DO bit in an OPT record's flags (RFC 3225). */
const DNSSEC_OK = 0x8000;

/** A message is not DNS. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

/** The question of a message. */
export interface Question {
  /**
   * The name in lower case without a trailing dot; undefined if it is none that text can
   * stand for, such as one with a dot inside of a label, which must not pass for another.
   */
  readonly name: string | undefined;
  readonly type: number;
  readonly class: number;
  /** Where the question ends, counted from the message's start. */
  readonly end: number;
}

/** A record of a message, by place. */
export interface ResourceRecord {
  readonly section: "answer" | "authority" | "additional";
  /** Where its owner's name starts. */
  readonly at: number;
  readonly type: number;
  readonly class: number;
  /** Seconds; nonsense for OPT. */
  readonly ttl: number;
  /** Where the 4 bytes of the TTL lie. */
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly dataBytes: number;
}

/** A message that was walked to its end. */
export interface Message {
  readonly bytes: Uint8Array;
  /** Undefined if it has none, which some servers' errors have not. */
  readonly question: Question | undefined;
  readonly records: readonly ResourceRecord[];
}

/** The identifier; the caller knows that there is a header, here and below. */
export function idOf(bytes: Uint8Array): number {
  return readUint16(bytes, 0);
}

/** The word of flags, see {@linkcode Flag}. */
export function flagsOf(bytes: Uint8Array): number {
  return readUint16(bytes, 2);
}

/** The kind of query; 0 is the ordinary one. */
export function opcodeOf(bytes: Uint8Array): number {
  return bytes[2]! >>> 3 & 15;
}

/** The response code, see {@linkcode Rcode}. */
export function rcodeOf(bytes: Uint8Array): number {
  return bytes[3]! & 15;
}

/** Number of questions the header tells of. */
export function questionsOf(bytes: Uint8Array): number {
  return readUint16(bytes, 4);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the name at `at` ends, which may be with a pointer if `pointers`. */
function endOfName(bytes: Uint8Array, at: number, pointers: boolean): number {
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw new MessageError("A name runs past the end");
    if (length === 0) return at + 1;
    if (length >= 0xc0 && pointers) return at + 2;
    if (length >= 0x40) {
      throw new MessageError(`A label begins with 0x${length.toString(16)}`);
    }
    at += 1 + length;
  }
}

/**
 * The name at `at`, pointers followed, in lower case and without a trailing dot. Throws a
 * {@linkcode MessageError}.
 */
export function nameAt(bytes: Uint8Array, at: number): string {
  try {
    const name = codec.name.decode(asBuffer(bytes), at).toLowerCase();
    return name === "." ? "" : name;
  } catch (error) {
    throw new MessageError(`A name at byte ${at} cannot be read`, { cause: error });
  }
}

/**
 * The question, which ends at `end`, with its name in lower case, and that in ASCII only,
 * which is how names are compared (RFC 4343).
 */
export function comparable(bytes: Uint8Array, end: number): Uint8Array<ArrayBuffer> {
  const lower = bytes.slice(HEADER_BYTES, end);
  for (let i = 0; i < lower.length - 4; i++) {
    if (lower[i]! >= 0x41 && lower[i]! <= 0x5a) lower[i]! += 0x20;
  }
  return lower;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function parseQuestion(bytes: Uint8Array): Question {
  // Nothing but the header is before it, so a pointer would have nothing to point at.
  const nameEnd = endOfName(bytes, HEADER_BYTES, false);
  const end = nameEnd + 4;
  if (end > bytes.length) throw new MessageError("The question is cut short");
  const name = nameAt(bytes, HEADER_BYTES);
  const encoded = codec.name.encode(name || ".");
  return {
    name: equal(encoded, comparable(bytes, end).subarray(0, -4)) ? name : undefined,
    type: readUint16(bytes, nameEnd),
    class: readUint16(bytes, nameEnd + 2),
    end,
  };
}

const SECTIONS = ["answer", "authority", "additional"] as const;

/**
 * Walks a message with at most one question to its end. Throws a
 * {@linkcode MessageError} if it is none, or if bytes are left.
 */
export function parseMessage(bytes: Uint8Array): Message {
  if (bytes.length < HEADER_BYTES) {
    throw new MessageError(`${bytes.length} bytes are no header`);
  }
  const questions = questionsOf(bytes);
  if (questions > 1) throw new MessageError(`${questions} questions, not one`);
  const question = questions === 1 ? parseQuestion(bytes) : undefined;
  let at = question?.end ?? HEADER_BYTES;
  const records: ResourceRecord[] = [];
  for (const [index, section] of SECTIONS.entries()) {
    for (let left = readUint16(bytes, 6 + 2 * index); left > 0; left--) {
      const end = endOfName(bytes, at, true);
      if (end + 10 > bytes.length) throw new MessageError("A record is cut short");
      const record = {
        section,
        at,
        type: readUint16(bytes, end),
        class: readUint16(bytes, end + 2),
        ttl: readUint32(bytes, end + 4),
        ttlAt: end + 4,
        dataAt: end + 10,
        dataBytes: readUint16(bytes, end + 8),
      };
      at = record.dataAt + record.dataBytes;
      if (at > bytes.length) throw new MessageError("A record's data is cut short");
      records.push(record);
    }
  }
  if (at !== bytes.length) {
    throw new MessageError(`${bytes.length - at} bytes after the last record`);
  }
  return { bytes, question, records };
}

/** Whether `answer` is one to `query`: same id, same question (RFC 5452, 9.1). */
export function isAnswerTo(query: Message, answer: Uint8Array): boolean {
  if (answer.length < HEADER_BYTES || !query.question) return false;
  if (!(flagsOf(answer) & Flag.QR) || idOf(answer) !== idOf(query.bytes)) return false;
  // A server that could make nothing of the query may leave the question out.
  if (questionsOf(answer) === 0) return rcodeOf(answer) !== Rcode.NOERROR;
  const { end } = query.question;
  return questionsOf(answer) === 1 && answer.length >= end && equal(
    comparable(query.bytes, end),
    comparable(answer, end),
  );
}

/** A copy of `bytes` with another id. */
export function withId(bytes: Uint8Array, id: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  new DataView(copy.buffer).setUint16(0, id);
  return copy;
}

/** A copy of `bytes` with another response code. */
export function withRcode(bytes: Uint8Array, rcode: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  copy[3] = copy[3]! & 0xf0 | rcode;
  return copy;
}

/**
 * A query for the addresses of `name`, which is in ASCII and no longer than names are. With
 * `edns` a refusal can come with its reason.
 */
export function encodeQuery(id: number, name: string, edns: boolean): Uint8Array {
  const questions = [{ type: "A", name }];
  const additionals = edns ? [optRecord({})] : [];
  return codec.encode({ type: "query", id, flags: Flag.RD, questions, additionals });
}

/** What an answer of our own says. */
export interface OwnAnswer {
  readonly rcode: number;
  /** Whether it is from who is in charge of the name. */
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

/** Codes of extended errors (RFC 8914, 4). */
export const ExtendedError = { BLOCKED: 15, PROHIBITED: 18 } as const;

/** The EDNS option that holds an extended error (RFC 8914, 2). */
const EXTENDED_ERROR_OPTION = 15;
/** Bytes of the text of somebody else's extended error that are shown. */
const MOST_REASON_BYTES = 300;

/**
 * An answer to `query`, whose question comes back as the bytes it was, with capitals and
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
    bytes.subarray(HEADER_BYTES, question?.end ?? HEADER_BYTES),
    ...(badVersion ? [] : records.map((record) => codec.answer.encode(record))),
    ...(opt ? [encodeOpt(opt, { badVersion, reason: answer.reason })] : []),
  ];
  const length = parts.reduce((sum, part) => sum + part.length, HEADER_BYTES);
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
  let at = HEADER_BYTES;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** The OPT record of a message. */
export function optOf(message: Message): ResourceRecord | undefined {
  return message.records.find(({ section, type }) =>
    section === "additional" && type === Type.OPT
  );
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

/** What a server says of why it has no answer, if it does. */
export function reasonIn(message: Message): string | undefined {
  const opt = optOf(message);
  if (!opt) return undefined;
  const { bytes } = message;
  const end = opt.dataAt + opt.dataBytes;
  for (let at = opt.dataAt; at + 4 <= end;) {
    const [code, length] = [readUint16(bytes, at), readUint16(bytes, at + 2)];
    const [from, to] = [at + 4, at + 4 + length];
    if (to > end) return undefined;
    if (code === EXTENDED_ERROR_OPTION && length > 2) {
      const text = bytes.subarray(from + 2, Math.min(to, from + 2 + MOST_REASON_BYTES));
      return new TextDecoder().decode(text);
    }
    at = to;
  }
  return undefined;
}

/** What an IPv6 address begins with that stands for an IPv4 one (RFC 4291, 2.5.5.2). */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** Aliases that are followed from one name to the next. */
const MOST_ALIASES = 16;
/** Records looked at; more of them are no answer to one question for addresses. */
const MOST_RECORDS = 512;

/** The IPv4 addresses that a message holds for a name. */
export interface Addresses {
  readonly addresses: number[];
  /** Seconds that all of them may be kept; 0 if there are none. */
  readonly ttl: number;
}

/**
 * The addresses of `name` (in lower case) in the answers of `message`, through the CNAMEs
 * among them. Throws a {@linkcode MessageError} if a name in them cannot be read.
 */
export function addressesIn(message: Message, name: string): Addresses {
  const { bytes } = message;
  const aliases = new Map<string, { readonly to: string; readonly ttl: number }>();
  const found = new Map<string, { readonly addresses: number[]; ttl: number }>();
  const answers = message.records.filter(({ section }) => section === "answer");
  for (const record of answers.slice(0, MOST_RECORDS)) {
    if (record.class !== Class.IN) continue;
    const ttl = ttlOf(record);
    if (record.type === Type.CNAME) {
      aliases.set(nameAt(bytes, record.at), { to: nameAt(bytes, record.dataAt), ttl });
    } else if (record.type === Type.A && record.dataBytes === 4) {
      const owner = nameAt(bytes, record.at);
      const known = found.get(owner) ?? { addresses: [], ttl };
      known.addresses.push(readUint32(bytes, record.dataAt));
      known.ttl = Math.min(known.ttl, ttl);
      found.set(owner, known);
    }
  }
  let least = Infinity;
  for (let steps = 0; steps <= MOST_ALIASES; steps++) {
    const known = found.get(name);
    if (known) return { ...known, ttl: Math.min(known.ttl, least) };
    const alias = aliases.get(name);
    if (!alias) break;
    name = alias.to;
    least = Math.min(least, alias.ttl);
  }
  return { addresses: [], ttl: 0 };
}

/** All IPv4 addresses among the answers of a message, whosever, also those mapped to IPv6. */
export function allAddressesIn({ bytes, records }: Message): number[] {
  return records.flatMap(({ section, type, dataAt, dataBytes }) => {
    if (section !== "answer") return [];
    if (type === Type.A && dataBytes === 4) return readUint32(bytes, dataAt);
    const isMapped = type === Type.AAAA && dataBytes === 16 &&
      equal(bytes.subarray(dataAt, dataAt + 12), MAPPED);
    return isMapped ? readUint32(bytes, dataAt + 12) : [];
  });
}

/** Seconds; a TTL with its highest bit set is none (RFC 2181, 8). */
export function ttlOf(record: ResourceRecord): number {
  return record.ttl >= 0x8000_0000 ? 0 : record.ttl;
}
