/**
 * Asks a name server at the other end of a stream for the addresses of a name.
 *
 * @module
 */
import { domainToASCII } from "node:url";
import { isAnswerTo, parseMessage, rcodeOf } from "./message.ts";
import { MessageStream } from "./stream.ts";
import type { ByteStream } from "../edge/stream.ts";
import { type Addresses, addressesIn, reasonIn } from "./records.ts";
import { encodeQuery } from "./encode.ts";
import { formatRcode, Rcode } from "./numbers.ts";
import { messageOf } from "../../wire/text.ts";

/** Longer than the server takes to ask all servers of its own. */
const LIMIT_MS = 10_000;
/** No answer is believed for longer. */
const MOST_SECONDS = 300;
/** RFC 1035, 2.3.4, as text without the trailing dot. */
const MOST_NAME_BYTES = 253;
const MOST_LABEL_BYTES = 63;

/**
 * Why a name was not resolved: there is no such name or no IPv4 address of that name; the
 * server may not say, and says why; or nobody said.
 */
export type NameFailure = "not-found" | "prohibited" | "failed" | "timed-out";

/** A name was not resolved. */
export class NameError extends Error {
  override readonly name = "NameError";
  /** Why. */
  readonly code: NameFailure;

  /** The message names name, server and reason. */
  constructor(code: NameFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Options of {@linkcode resolveOver}. */
export interface ResolveOptions {
  /** Ends the question, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long the answer may take, in milliseconds; 10 000 if not given. */
  readonly limitMs?: number;
  /** How messages call the server, as in "the name server of web". */
  readonly server?: string;
}

/**
 * Asks the name server at the other end of `stream` for the IPv4 addresses (32 bits in
 * host order) of a name, which may have letters beyond ASCII; follows aliases in its
 * answer. `ttl` is in seconds, 300 at most. Closes the stream in any case, without
 * waiting for the server's end, so over the mesh the server sees a reset.
 *
 * Rejects with a {@linkcode NameError}, or the reason of the aborted signal.
 */
export async function resolveOver(
  stream: ByteStream,
  name: string,
  options: ResolveOptions = {},
): Promise<Addresses> {
  const { signal, limitMs = LIMIT_MS, server = "the name server" } = options;
  const fail = (code: NameFailure, reason: string, cause?: unknown) =>
    new NameError(
      code,
      `Cannot resolve ${JSON.stringify(name)} through ${server}: ${reason}`,
      {
        cause,
      },
    );
  const ascii = asciiName(name);
  if (signal?.aborted || ascii === undefined) {
    stream.close();
    signal?.throwIfAborted();
    throw fail("not-found", "not a name that DNS could know");
  }
  let timedOut = false;
  const abort = () => stream.reset();
  const timer = setTimeout(() => {
    timedOut = true;
    abort();
  }, limitMs);
  signal?.addEventListener("abort", abort);
  try {
    const messages = new MessageStream(stream);
    const ask = async (edns: boolean) => {
      const id = crypto.getRandomValues(new Uint16Array(1))[0]!;
      const bytes = encodeQuery(id, ascii, edns);
      await messages.write(bytes);
      const answer = await messages.read();
      if (!answer) throw fail("failed", "it closed the connection without an answer");
      if (isAnswerTo(parseMessage(bytes), answer)) return answer;
      throw fail("failed", "it answered something else");
    };
    let answer = await ask(true);
    // Servers from before EDNS, to which ours may have passed the query on (RFC 6891, 7).
    if (rcodeOf(answer) === Rcode.FORMERR) answer = await ask(false);
    const rcode = rcodeOf(answer);
    if (rcode === Rcode.NXDOMAIN) throw fail("not-found", "no such name (NXDOMAIN)");
    if (rcode !== Rcode.NOERROR) {
      const reason = reasonIn(parseMessage(answer));
      const why = reason === undefined ? "" : ` (${JSON.stringify(reason)})`;
      const isRefusal = rcode === Rcode.REFUSED && reason !== undefined;
      const code = isRefusal ? "prohibited" : "failed";
      throw fail(code, `it answered ${formatRcode(rcode)}${why}`);
    }
    const { addresses, ttl } = addressesIn(parseMessage(answer), ascii);
    if (addresses.length === 0) {
      throw fail("not-found", "it has no IPv4 address (NOERROR)");
    }
    return { addresses, ttl: Math.min(ttl, MOST_SECONDS) };
  } catch (error) {
    signal?.throwIfAborted();
    if (timedOut) throw fail("timed-out", `no answer within ${limitMs / 1000} s`);
    if (error instanceof NameError) throw error;
    const said = messageOf(error);
    throw fail("failed", said, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    stream.close();
  }
}

/** A name as DNS has it, in lower case; undefined for text that is no name. */
export function asciiName(name: string): string | undefined {
  const plain = name.replace(/\.$/, "");
  // deno-lint-ignore no-control-regex
  const ascii = /^[\x00-\x7f]*$/.test(plain) ? plain.toLowerCase() : domainToASCII(plain);
  if (ascii.length === 0 || ascii.length > MOST_NAME_BYTES) return undefined;
  for (const label of ascii.split(".")) {
    if (!/^[!-~]+$/.test(label) || label.length > MOST_LABEL_BYTES) return undefined;
  }
  return ascii;
}
