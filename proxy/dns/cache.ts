/**
 * A cache of DNS answers, which takes the time as an argument, and the resolver that
 * looks there first.
 *
 * An answer is found by all of the query but its id and the capitals of its name, since
 * flags and EDNS change what a server answers. A query with EDNS options (a cookie, a
 * client's subnet) is between its sender and the server: neither kept nor shared.
 *
 * @module
 */
import {
  comparable,
  flagsOf,
  idOf,
  type Message,
  MessageError,
  parseMessage,
  questionsOf,
  rcodeOf,
  withId,
} from "./message.ts";
import type { Resolver } from "./resolver.ts";
import { DNS_HEADER_BYTES, Flag, Rcode, Type } from "./numbers.ts";
import { optOf, ttlOf } from "./records.ts";

/** No answer is kept for longer. */
const MOST_SECONDS = 300;
/** Nor that there is none (RFC 2308, 5 allows hours): who adds a name wants to use it. */
const MOST_NEGATIVE_SECONDS = 60;
/** Longer queries are not worth a place. */
const MOST_QUERY_BYTES = 512;

/** How much an {@linkcode AnswerCache} holds; at a limit the oldest answers go. */
export interface CacheLimits {
  /** 1000 if not given. */
  readonly entries?: number;
  /** 4 MiB if not given. */
  readonly bytes?: number;
}

interface Entry {
  readonly answer: Uint8Array;
  /** Where the TTLs lie. */
  readonly ttls: readonly number[];
  readonly bytes: number;
  /** Milliseconds, as all times below. */
  readonly since: number;
  readonly until: number;
}

/**
 * Answers to earlier queries. Times are milliseconds of any clock that never turns back.
 */
export class AnswerCache {
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #limits: Required<CacheLimits>;
  #bytes = 0;

  constructor(limits: CacheLimits = {}) {
    this.#limits = { entries: 1000, bytes: 4 << 20, ...limits };
  }

  /** Answers held, some of which may have run out. */
  get size(): number {
    return this.#entries.size;
  }

  /** The answer to `query`, which is the caller's, with TTLs counted down. */
  get(query: Message, now: number): Uint8Array<ArrayBuffer> | undefined {
    const key = keyOf(query);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (!entry) return undefined;
    if (now >= entry.until) {
      this.#delete(key!);
      return undefined;
    }
    const answer = readdressed(entry.answer, query);
    const view = new DataView(answer.buffer);
    const age = Math.floor((now - entry.since) / 1000);
    for (const at of entry.ttls) view.setUint32(at, view.getUint32(at) - age);
    return answer;
  }

  /** Keeps `answer` to `query`, if that is allowed. */
  put(query: Message, answer: Uint8Array, now: number): void {
    const key = keyOf(query);
    if (key === undefined) return;
    const kept = keptFor(answer);
    if (!kept) return;
    const bytes = answer.length + 2 * key.length + 8 * kept.ttls.length;
    if (bytes > this.#limits.bytes) return;
    this.#delete(key);
    this.#entries.set(key, {
      answer: answer.slice(),
      ttls: kept.ttls,
      bytes,
      since: now,
      until: now + 1000 * kept.seconds,
    });
    this.#bytes += bytes;
    while (
      this.#entries.size > this.#limits.entries || this.#bytes > this.#limits.bytes
    ) {
      this.#delete(this.#entries.keys().next().value!);
    }
  }

  #delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}

const latin1 = new TextDecoder("latin1");

/** The key of equal queries; undefined for a query that equals no other. */
function keyOf(query: Message): string | undefined {
  const { bytes, question } = query;
  if (!question || bytes.length > MOST_QUERY_BYTES) return undefined;
  if ((optOf(query)?.dataBytes ?? 0) > 0) return undefined;
  return latin1.decode(bytes.subarray(2, DNS_HEADER_BYTES)) +
    latin1.decode(comparable(bytes, question.end)) +
    latin1.decode(bytes.subarray(question.end));
}

/** A copy of an answer to an equal query, with the id and the capitals of this query. */
function readdressed(answer: Uint8Array, query: Message): Uint8Array<ArrayBuffer> {
  const copy = withId(answer, idOf(query.bytes));
  const end = query.question?.end ?? DNS_HEADER_BYTES;
  // An error without the question (`isAnswerTo`) has no place for the capitals.
  if (questionsOf(copy) === 1) {
    copy.set(query.bytes.subarray(DNS_HEADER_BYTES, end), DNS_HEADER_BYTES);
  }
  return copy;
}

/** For how many seconds an answer may be kept, and where its TTLs are. */
function keptFor(
  answer: Uint8Array,
): { readonly seconds: number; readonly ttls: number[] } | undefined {
  let message: Message;
  try {
    message = parseMessage(answer);
  } catch (error) {
    if (error instanceof MessageError) return undefined;
    throw error;
  }
  const rcode = rcodeOf(answer);
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return undefined;
  if (flagsOf(answer) & Flag.TC || !message.question) return undefined;
  const records = message.records.filter(({ type }) => type !== Type.OPT);
  let seconds = records.reduce(
    (least, record) => Math.min(least, ttlOf(record)),
    MOST_SECONDS,
  );
  const soa = records.find(({ section, type }) =>
    section === "authority" && type === Type.SOA
  );
  if (soa && soa.dataBytes >= 4) {
    // RFC 2308, 3: the last of SOA's numbers says how long "there is none" holds.
    const at = answer.byteOffset + soa.dataAt + soa.dataBytes - 4;
    const minimum = new DataView(answer.buffer, at).getUint32(0);
    seconds = Math.min(seconds, minimum, MOST_NEGATIVE_SECONDS);
  } else if (
    rcode === Rcode.NXDOMAIN || !records.some((one) => one.section === "answer")
  ) {
    return undefined;
  }
  if (seconds < 1) return undefined;
  return { seconds, ttls: records.map(({ ttlAt }) => ttlAt) };
}

/** Options of a {@linkcode CachingResolver}. */
export interface CachingResolverOptions {
  readonly cache?: AnswerCache;
  /** Milliseconds; `performance.now` if not given. */
  readonly now?: () => number;
}

/**
 * Asks `resolver` where the cache has no answer, and equal queries at the same time once.
 */
export class CachingResolver implements Resolver {
  readonly #resolver: Resolver;
  readonly #cache: AnswerCache;
  readonly #now: () => number;
  /** As many at most as queries are under way. */
  readonly #underWay = new Map<string, Promise<Uint8Array>>();

  constructor(resolver: Resolver, options: CachingResolverOptions = {}) {
    this.#resolver = resolver;
    this.#cache = options.cache ?? new AnswerCache();
    this.#now = options.now ?? (() => performance.now());
  }

  async ask(query: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const message = parseMessage(query);
    const known = this.#cache.get(message, this.#now());
    if (known) return known;
    const key = keyOf(message);
    if (key === undefined) return await this.#resolver.ask(query);
    let asked = this.#underWay.get(key);
    if (!asked) {
      asked = this.#fetch(message).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, asked);
    }
    return readdressed(await asked, message);
  }

  async #fetch(query: Message): Promise<Uint8Array> {
    const answer = await this.#resolver.ask(query.bytes);
    this.#cache.put(query, answer, this.#now());
    return answer;
  }
}
