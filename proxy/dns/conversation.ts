/**
 * A connection to the name server (RFC 7766).
 *
 * @module
 */
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import {
  flagsOf,
  type Message,
  MessageError,
  opcodeOf,
  parseMessage,
  questionsOf,
} from "./message.ts";
import { reversedIpv4 } from "./reverse.ts";
import { MessageStream } from "./stream.ts";
import { answerAlone, answerKnown, answerOfOthers, type KnownName } from "./answer.ts";
import type { Resolver } from "./resolver.ts";
import type { ByteStream } from "../edge/stream.ts";
import { addressesIn, allAddressesIn } from "./records.ts";
import { encodeAnswer, type Reason } from "./encode.ts";
import { DNS_HEADER_BYTES, ExtendedError, Flag, Rcode, Type } from "./numbers.ts";

/** Options of a {@linkcode NameServer}. */
export interface NameServerOptions {
  /** Hosts and aliases of the mesh, in lower case without a trailing dot, to address. */
  readonly names: ReadonlyMap<string, number>;
  /** The names of a host by its address, its own first; none for any other address. */
  readonly namesOf: (address: number) => readonly string[];
  /** Answers all other questions. */
  readonly upstream: Resolver;
  /**
   * Whether another host, by its VIP, may ask `upstream` about a name; no if left out.
   */
  readonly mayAsk?: (client: number, name: string | undefined) => boolean;
  /** Told why another host got no answer; as often as that host asks. */
  readonly onRefused?: (client: number, reason: Reason) => void;
  /**
   * Told which IPv4 addresses `upstream` has for a name (lower case), before the client
   * is. They may be any, the loopback's as well: the hosts file has `localhost`.
   */
  readonly onResolved?: (name: string, addresses: readonly number[]) => void;
  /**
   * Told of errors that no client is to blame for, such as a module that could not be
   * loaded.
   */
  readonly onError?: (error: Error) => void;
  /** How long a connection may say nothing, in milliseconds; 30 000 if not given. */
  readonly idleLimitMs?: number;
}

/** Questions under way on a connection. */
const MOST_QUESTIONS = 64;
const IDLE_LIMIT_MS = 30_000;
/** How long a client has for its end after we ended our direction. */
const END_LIMIT_MS = 2000;

/** Answers queries until the stream ends, is silent, or makes no sense. Never rejects. */
export async function converse(
  stream: ByteStream,
  options: NameServerOptions,
  client?: number,
): Promise<void> {
  const messages = new MessageStream(stream);
  const limitMs = options.idleLimitMs ?? IDLE_LIMIT_MS;
  let underWay = 0;
  let wake = () => {};
  const answered = () => new Promise<void>((resolve) => wake = resolve);
  let broken = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const give = () => {
    broken = true;
    stream.reset();
  };
  // Only a whole query or answer counts as a sign of life, or a byte a minute would do.
  const heard = () => {
    clearTimeout(timer);
    if (!broken) timer = setTimeout(silent, limitMs);
  };
  const silent = () => {
    if (underWay > 0) return give(); // our answers are not taken
    timer = setTimeout(give, Math.min(limitMs, END_LIMIT_MS));
    stream.closeWrite().catch(give);
  };
  const answer = async (query: Uint8Array) => {
    try {
      await messages.write(await answerTo(query, options, client));
      heard();
    } catch {
      give(); // nothing can be written any more
    } finally {
      underWay--;
      wake();
    }
  };
  heard();
  try {
    for (;;) {
      while (underWay >= MOST_QUESTIONS) await answered();
      const query = await messages.read();
      if (!query || query.length < DNS_HEADER_BYTES) break;
      heard();
      underWay++;
      answer(query);
    }
    while (underWay > 0) await answered();
    if (!broken) await stream.closeWrite();
  } catch {
    give();
    while (underWay > 0) await answered();
  } finally {
    broken = true;
    clearTimeout(timer);
    stream.close();
  }
}

/**
 * The answer to a client's message, which is at least a header. `client` is the VIP of
 * another host, or nothing for a program of this host.
 */
export async function answerTo(
  query: Uint8Array,
  options: NameServerOptions,
  client?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (rcode: number, question?: Message, reason?: Reason) =>
    encodeAnswer(question ?? { bytes: query, question: undefined, records: [] }, {
      rcode,
      ...(reason && { reason }),
    });
  if (flagsOf(query) & Flag.QR) return refuse(Rcode.FORMERR);
  if (opcodeOf(query) !== 0) return refuse(Rcode.NOTIMP);
  if (questionsOf(query) !== 1) return refuse(Rcode.FORMERR);
  let message: Message;
  try {
    message = parseMessage(query);
  } catch (error) {
    if (error instanceof MessageError) return refuse(Rcode.FORMERR);
    throw error;
  }
  const { type, name } = message.question!;
  // A zone is more than one message, and our resolvers are not asked over TCP.
  if (type === Type.AXFR || type === Type.IXFR) return refuse(Rcode.REFUSED, message);
  const known = name === undefined ? undefined : knownName(name, options);
  const own = known && answerKnown(message, known);
  if (own) return own;
  const refuseTo = (client: number, code: number, text: string) => {
    options.onRefused?.(client, { code, text });
    return refuse(Rcode.REFUSED, message, { code, text });
  };
  if (client !== undefined && !options.mayAsk?.(client, name)) {
    const alone = known && answerAlone(message);
    if (alone) return alone;
    const text = `not told to this host: ${quoted(name)} is no name of the mesh, and ` +
      `neither a route nor "resolveFor" lets it ask`;
    return refuseTo(client, ExtendedError.PROHIBITED, text);
  }
  let answer: Uint8Array<ArrayBuffer>;
  try {
    answer = await options.upstream.ask(query);
  } catch {
    return refuse(Rcode.SERVFAIL, message);
  }
  if (known) return answerOfOthers(message, answer);
  let parsed: Message;
  try {
    parsed = parseMessage(answer);
    if (type === Type.A && name !== undefined) tell(parsed, name, options);
  } catch (error) {
    if (error instanceof MessageError) return answer; // for the client to find out
    throw error;
  }
  if (client === undefined) return answer;
  for (const address of allAddressesIn(parsed)) {
    const [host] = options.namesOf(address);
    if (host === undefined) continue;
    const text =
      `${quoted(name)} is said to be at ${formatIpv4(address)}, which is the ` +
      `host ${quoted(host)} of the mesh`;
    return refuseTo(client, ExtendedError.BLOCKED, text);
  }
  return answer;
}

/** The mesh's own records of a name: a host's, or the reverse name of a VIP. */
function knownName(name: string, options: NameServerOptions): KnownName | undefined {
  const address = options.names.get(name);
  if (address !== undefined) return { addresses: [address] };
  const reversed = reversedIpv4(name);
  const names = reversed === undefined ? [] : options.namesOf(reversed);
  return names.length > 0 ? { addresses: [], names } : undefined;
}

/**
 * A name from outside as messages show it: an answer has to fit, and a log to be read.
 */
function quoted(name = "?"): string {
  return JSON.stringify(name.length > 80 ? name.slice(0, 79) + "…" : name);
}

function tell(answer: Message, name: string, { onResolved }: NameServerOptions): void {
  if (!onResolved) return;
  const { addresses } = addressesIn(answer, name);
  if (addresses.length > 0) onResolved(name, addresses);
}
