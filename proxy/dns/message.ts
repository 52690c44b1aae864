/**
 * DNS messages (RFC 1035) of others: their header, their question, and where their
 * records lie.
 *
 * Messages of others are passed on as the bytes they are, so that types, options and
 * signatures nobody here knows survive. To count down a TTL, or to see that a record
 * holds an address, their places in the message are needed, which `dns-packet` does not
 * tell. So records are walked here, and only walked: the walk follows no pointers and
 * allocates nothing that a message's sender can make large.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { readUint16, readUint32 } from "../../wire/ip/ipv4.ts";
import { codec } from "./codec.ts";
import { DNS_HEADER_BYTES, Flag, Rcode } from "./numbers.ts";

/** A message is not DNS. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

/** The question of a message. */
export interface Question {
  /**
   * The name in lower case without a trailing dot; undefined for a name that text cannot
   * stand for: with a dot inside of a label it must not pass for another name.
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
  /** Undefined if there is none, as in some servers' errors. */
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

/** The kind of query; 0 is the ordinary kind. */
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
 * The question, which ends at `end`, with the ASCII letters of its name in lower case, as
 * names are compared (RFC 4343).
 */
export function comparable(bytes: Uint8Array, end: number): Uint8Array<ArrayBuffer> {
  const lower = bytes.slice(DNS_HEADER_BYTES, end);
  for (let i = 0; i < lower.length - 4; i++) {
    if (lower[i]! >= 0x41 && lower[i]! <= 0x5a) lower[i]! += 0x20;
  }
  return lower;
}

/** Whether both hold the same bytes. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function parseQuestion(bytes: Uint8Array): Question {
  // Nothing but the header comes before the question, so a pointer would have nothing to
  // point at.
  const nameEnd = endOfName(bytes, DNS_HEADER_BYTES, false);
  const end = nameEnd + 4;
  if (end > bytes.length) throw new MessageError("The question is cut short");
  const name = nameAt(bytes, DNS_HEADER_BYTES);
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
 * Walks a message with at most one question to its end. Throws a {@linkcode MessageError}
 * if `bytes` hold no such message, or more.
 */
export function parseMessage(bytes: Uint8Array): Message {
  if (bytes.length < DNS_HEADER_BYTES) {
    throw new MessageError(`${bytes.length} bytes are no header`);
  }
  const questions = questionsOf(bytes);
  if (questions > 1) throw new MessageError(`${questions} questions, not one`);
  const question = questions === 1 ? parseQuestion(bytes) : undefined;
  let at = question?.end ?? DNS_HEADER_BYTES;
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

/** Whether `answer` answers `query`: same id, same question (RFC 5452, 9.1). */
export function isAnswerTo(query: Message, answer: Uint8Array): boolean {
  if (answer.length < DNS_HEADER_BYTES || !query.question) return false;
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
