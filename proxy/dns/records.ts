/**
 * Contents of the records of a message: addresses, how long they may be kept, and why
 * there are none.
 *
 * @module
 */
import { readUint16, readUint32 } from "../../wire/ip/ipv4.ts";
import { Class, EXTENDED_ERROR_OPTION, Type } from "./numbers.ts";
import { equal, type Message, nameAt, type ResourceRecord } from "./message.ts";

/** Bytes of the text of somebody else's extended error that are shown. */
const MOST_REASON_BYTES = 300;

/** The OPT record of a message. */
export function optOf(message: Message): ResourceRecord | undefined {
  return message.records.find(({ section, type }) =>
    section === "additional" && type === Type.OPT
  );
}

/** The server's reason for having no answer, if it gives one. */
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

/**
 * The beginning of an IPv6 address that stands for an IPv4 address (RFC 4291, 2.5.5.2).
 */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** Aliases that are followed in a row. */
const MOST_ALIASES = 16;

/** Records looked at; more of them are no answer to a question for addresses. */
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

/**
 * All IPv4 addresses among the answers of a message, whosever, also those mapped to IPv6.
 */
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
