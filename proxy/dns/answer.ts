/**
 * The answers of a name server about names of its own: a name of the mesh or of the hosts
 * file, or the reverse name of an address there.
 *
 * @module
 */
import { type Message, rcodeOf, withRcode } from "./message.ts";
import { Class, Rcode, Type } from "./numbers.ts";
import { encodeAnswer } from "./encode.ts";

/** Seconds that our own addresses may be kept: the mesh, or the file, may change. */
const OWN_TTL = 10;

/** The records of a name of our own. */
export interface KnownName {
  /** IPv4, 32 bits in host order. */
  readonly addresses: readonly number[];
  /** IPv6, as text. */
  readonly addresses6?: readonly string[];
  /** Of a reverse name: the names of its address, in their order. */
  readonly names?: readonly string[];
}

/**
 * The answer to a query for a name that is known here; undefined if others are to be
 * asked, which goes for all types that are not about addresses or their names.
 *
 * AAAA, HTTPS and SVCB are answered "none of that type" and not passed on: outside, the
 * name does not exist, and a client that asks for A and AAAA at once and hears so drops
 * the A; or the name exists, and its address would lead around the mesh.
 */
export function answerKnown(
  query: Message,
  known: KnownName,
): Uint8Array<ArrayBuffer> | undefined {
  const { question } = query;
  if (!question || !isInternet(query)) return undefined;
  const own = { rcode: Rcode.NOERROR, authoritative: true, ttl: OWN_TTL };
  const { addresses, addresses6 = [], names } = known;
  switch (question.type) {
    case Type.A:
      // As glibc has it: a name with IPv6 only in the hosts file may have IPv4 outside.
      if (addresses.length === 0) return undefined;
      return encodeAnswer(query, { ...own, addresses });
    case Type.AAAA:
      return encodeAnswer(query, { ...own, addresses6 });
    case Type.ANY:
      return encodeAnswer(query, { ...own, addresses, addresses6, names: names ?? [] });
    case Type.PTR:
      return names && encodeAnswer(query, { ...own, names });
    case Type.HTTPS:
    case Type.SVCB:
      return encodeAnswer(query, own);
    default:
      return undefined;
  }
}

/**
 * The answer about another type of a name that is known here to a client for whom no
 * others are asked: there is none of that type. Undefined where the name is another
 * world's.
 */
export function answerAlone(query: Message): Uint8Array<ArrayBuffer> | undefined {
  if (!isInternet(query)) return undefined;
  return encodeAnswer(query, { rcode: Rcode.NOERROR, authoritative: true });
}

/**
 * The answer of others about another type of a name that is known here. They may say that
 * there is no such name, but there is, only without that type (RFC 8020: "no such name"
 * would hold for its addresses too).
 */
export function answerOfOthers(
  query: Message,
  answer: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return rcodeOf(answer) === Rcode.NXDOMAIN && isInternet(query)
    ? withRcode(answer, Rcode.NOERROR)
    : answer;
}

/** Other classes have names of their own. */
function isInternet({ question }: Message): boolean {
  return question?.class === Class.IN || question?.class === Class.ANY;
}
