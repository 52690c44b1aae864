/**
 * A query to a DNS server: over UDP, and over TCP if its answer is too long for that.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import {
  flagsOf,
  idOf,
  isAnswerTo,
  type Message,
  MessageError,
  withId,
} from "./message.ts";
import type { ServerAddress } from "./system_servers.ts";
import { MessageStream } from "./stream.ts";
import { SocketStream } from "../edge/stream.ts";
import { Flag } from "./numbers.ts";

/** Longer queries go over TCP at once; RFC 1035, 4.2.1 promises no more. */
const MOST_UDP_BYTES = 512;

/**
 * Asks `server`. The query goes out under an id of its own and from a port of its own,
 * both by chance, so that nobody who does not see the query can forge the answer (RFC
 * 5452); datagrams other than the answer are ignored. Rejects when `signal` is aborted,
 * with its reason.
 */
export async function askServer(
  server: ServerAddress,
  query: Message,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  signal.throwIfAborted();
  const id = crypto.getRandomValues(new Uint16Array(1))[0]!;
  const asked = { ...query, bytes: withId(query.bytes, id) };
  let answer = asked.bytes.length > MOST_UDP_BYTES
    ? undefined
    : await askOverUdp(server, asked, signal);
  if (!answer || flagsOf(answer) & Flag.TC) {
    answer = await askOverTcp(server, asked, signal);
  }
  return withId(answer, idOf(query.bytes));
}

function askOverUdp(
  { hostname, port }: ServerAddress,
  query: Message,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const socket = createSocket(hostname.includes(":") ? "udp6" : "udp4");
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  socket.on("error", reject);
  socket.on("message", (bytes, from) => {
    if (from.port !== port || comparable(from.address) !== comparable(hostname)) return;
    if (isAnswerTo(query, bytes)) resolve(bytes);
  });
  socket.send(Buffer.from(query.bytes), port, hostname, (error) => {
    if (error) reject(error);
  });
  return promise.finally(() => {
    signal.removeEventListener("abort", abort);
    socket.close();
  });
}

/** An address to compare: IPv6 has many spellings, and may name an interface. */
function comparable(address: string): string {
  if (!address.includes(":")) return address;
  return new URL(`http://[${address.split("%")[0]}]`).hostname;
}

async function askOverTcp(
  { hostname, port }: ServerAddress,
  query: Message,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const stream = new SocketStream(await Deno.connect({ hostname, port, signal }));
  const abort = () => stream.close();
  signal.addEventListener("abort", abort);
  try {
    const messages = new MessageStream(stream);
    await messages.write(query.bytes);
    const answer = await messages.read();
    if (!answer) throw new MessageError("closed the connection without an answer");
    if (!isAnswerTo(query, answer)) throw new MessageError("answered something else");
    return answer;
  } finally {
    signal.removeEventListener("abort", abort);
    stream.close();
    signal.throwIfAborted();
  }
}
