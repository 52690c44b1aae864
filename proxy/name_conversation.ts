/** One connection to the name server (RFC 7766). */
import {
  addressesIn,
  encodeAnswer,
  Flag,
  flagsOf,
  HEADER_BYTES,
  type Message,
  MessageError,
  opcodeOf,
  parseMessage,
  questionsOf,
  Rcode,
  Type,
} from "./dns_message.ts";
import { MessageStream } from "./dns_stream.ts";
import { answerKnown, answerOfOthers } from "./name_answer.ts";
import type { NameServerOptions } from "./name_server.ts";
import type { ByteStream } from "./stream.ts";

/** Questions under way on a connection. */
const MOST_QUESTIONS = 64;
const IDLE_LIMIT_MS = 30_000;
/** How long a client has for its end after we ended our direction. */
const END_LIMIT_MS = 2000;

/** Answers queries until the stream ends, is silent, or makes no sense. Never rejects. */
export async function converse(
  stream: ByteStream,
  options: NameServerOptions,
): Promise<void> {
  const messages = new MessageStream(stream);
  const limitMs = options.idleLimitMs ?? IDLE_LIMIT_MS;
  const underWay = new Set<Promise<void>>();
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
    if (underWay.size > 0) return give(); // our answers are not taken
    timer = setTimeout(give, Math.min(limitMs, END_LIMIT_MS));
    stream.closeWrite().catch(give);
  };
  const answer = async (query: Uint8Array) => {
    try {
      await messages.write(await answerTo(query, options));
      heard();
    } catch {
      give(); // nothing can be written any more
    }
  };
  heard();
  try {
    for (;;) {
      while (underWay.size >= MOST_QUESTIONS) await Promise.race(underWay);
      const query = await messages.read();
      if (!query || query.length < HEADER_BYTES) break;
      heard();
      const task = answer(query).finally(() => underWay.delete(task));
      underWay.add(task);
    }
    await Promise.all(underWay);
    if (!broken) await stream.closeWrite();
  } catch {
    give();
    await Promise.all(underWay);
  } finally {
    broken = true;
    clearTimeout(timer);
    stream.close();
  }
}

/** The answer to what a client sent, which is at least a header. */
export async function answerTo(
  query: Uint8Array,
  options: NameServerOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (rcode: number, question?: Message) =>
    encodeAnswer(question ?? { bytes: query, question: undefined, records: [] }, {
      rcode,
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
  const address = name === undefined ? undefined : options.names.get(name);
  const own = address === undefined
    ? undefined
    : answerKnown(message, { addresses: [address] });
  if (own) return own;
  let answer: Uint8Array<ArrayBuffer>;
  try {
    answer = await options.upstream.ask(query);
  } catch {
    return refuse(Rcode.SERVFAIL, message);
  }
  if (address !== undefined) return answerOfOthers(message, answer);
  if (type === Type.A && name !== undefined) tell(answer, name, options);
  return answer;
}

function tell(answer: Uint8Array, name: string, { onResolved }: NameServerOptions): void {
  if (!onResolved) return;
  let addresses: readonly number[];
  try {
    ({ addresses } = addressesIn(parseMessage(answer), name));
  } catch (error) {
    if (error instanceof MessageError) return; // for the client to find out
    throw error;
  }
  if (addresses.length > 0) onResolved(name, addresses);
}
