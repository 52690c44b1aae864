/**
 * The requests of a connection to a control socket and their answers, one after the other.
 *
 * What a client may take: {@linkcode HEAD_MS} for the head of a request,
 * {@linkcode BODY_MS} for the body, and {@linkcode ANSWER_MS} to read an answer; events, of
 * which the slow lose some, may be read as slowly as it likes.
 *
 * @module
 */

import { STATUS_CODES } from "node:http";
import { ReadAhead } from "../proxy/edge/read_ahead.ts";
import type { ByteStream } from "../proxy/edge/stream.ts";
import { MessageWriter, requestBody } from "../proxy/http/body.ts";
import { bytesOf } from "../proxy/http/bytes.ts";
import { type RequestHead, RequestReader } from "../proxy/http/client/request_head.ts";
import { HttpError, StrangerError } from "../proxy/http/error.ts";
import { tokensOf } from "../proxy/http/fields.ts";
import type { Asked } from "./asked.ts";
import { closed } from "./listener.ts";

/** Milliseconds until the head of a request is there. */
const HEAD_MS = 10_000;
/** Milliseconds until the head of a further request. */
const NEXT_MS = 1000;
/** Milliseconds until a body is there. */
const BODY_MS = 30_000;
/** Milliseconds until an answer that is no stream has been taken. */
const ANSWER_MS = 30_000;
/** Milliseconds that a client may take to leave, and may send what nobody reads. */
const LINGER_MS = 2000;

const CONTINUE = bytesOf("HTTP/1.1 100 Continue\r\n\r\n");

/** What answers. Neither function rejects. */
export interface Answers {
  /** Answers a request. */
  readonly answer: (asked: Asked) => Promise<Response>;
  /** Answers what is no request. */
  readonly refuse: (status: number, message: string) => Response;
}

/** Serves a connection, until `signal` at the latest, and closes it. Never rejects. */
export async function exchange(
  connection: Deno.UnixConn,
  answers: Answers,
  signal: AbortSignal,
): Promise<void> {
  const stream = new UnixStream(connection);
  const limit = new Limit(() => stream.close());
  const input = new ReadAhead(stream);
  const ends: Ends = { stream, limit, input, isBusy: false, isFirst: true };
  const end = () => void (ends.isBusy || stream.close());
  signal.addEventListener("abort", end);
  try {
    let isKept = true;
    while (isKept && !signal.aborted) {
      isKept = await serveNext(ends, answers, signal);
      ends.isBusy = false;
    }
    limit.set(LINGER_MS);
    await stream.closeWrite();
    while (input.ended === undefined) {
      input.consume(input.size);
      await input.fill();
    }
  } catch {
    // The client has gone, or took too long.
  } finally {
    signal.removeEventListener("abort", end);
    limit.clear();
    stream.close();
  }
}

/** The connection of an exchange. */
interface Ends {
  readonly input: ReadAhead;
  readonly stream: ByteStream;
  readonly limit: Limit;
  /** Whether there is a request without its answer. */
  isBusy: boolean;
  /** Whether the next request is the first. */
  isFirst: boolean;
}

/** Serves a request; whether another may follow. @throws {Error} if the client has gone. */
async function serveNext(
  ends: Ends,
  { answer, refuse }: Answers,
  signal: AbortSignal,
): Promise<boolean> {
  const { input, limit } = ends;
  let head: RequestHead | undefined;
  try {
    limit.set(ends.isFirst ? HEAD_MS : NEXT_MS);
    ends.isFirst = false;
    head = await readHead(input);
    if (!head) return false;
    limit.clear();
    ends.isBusy = true;
    const body = { isRead: head.framing.kind === "none" };
    const response = await answer(asked(head, ends, body));
    limit.clear();
    const isKept = head.isKept && body.isRead && !signal.aborted;
    return await write(response, ends, { head, isKept });
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const message = error instanceof StrangerError
      ? `This is a control socket, which speaks HTTP, and not ${error.speaks}`
      : error.message;
    return await write(refuse(error.status, message), ends, { head, isKept: false });
  } finally {
    head?.parser.release();
  }
}

/** The head of the request; undefined if there is none. */
async function readHead(input: ReadAhead): Promise<RequestHead | undefined> {
  const reader = new RequestReader();
  try {
    for (;;) {
      const head = input.size > 0 ? reader.read(input) : undefined;
      if (head) return head;
      if (input.ended !== undefined) return undefined;
      await input.fill();
    }
  } finally {
    reader.release();
  }
}

function asked(
  head: RequestHead,
  { input, stream, limit }: Ends,
  state: { isRead: boolean },
): Asked {
  const { method, target, framing, fields, version, parser } = head;
  const length = framing.kind === "sized" ? framing.length : undefined;
  return {
    method,
    target,
    length,
    async *body() {
      limit.set(BODY_MS);
      const waits = tokensOf(fields, "expect").includes("100-continue");
      if (waits && version === "1.1" && input.size === 0) await stream.write(CONTINUE);
      const body = requestBody(framing, parser);
      for (;;) {
        for (const part of body.take(input)) yield Uint8Array.from(part);
        if (body.hasEnded) break;
        if (input.ended !== undefined && input.size === 0) {
          throw input.ended ?? new Error("The request broke off");
        }
        if (input.size === 0) await input.fill();
      }
      state.isRead = true;
      limit.clear();
    },
  };
}

/** Writes an answer; whether the connection is kept. */
async function write(
  response: Response,
  { input, stream, limit }: Ends,
  { head, isKept }: { head: RequestHead | undefined; isKept: boolean },
): Promise<boolean> {
  const isBare = head?.method === "HEAD";
  const isStream = response.headers.get("content-type") === "text/event-stream";
  const body = isStream ? undefined : await response.bytes();
  const isChunked = isStream && head?.version === "1.1";
  const { status } = response;
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`);
  if (body) lines.push(`content-length: ${body.length}\r\n`);
  if (isChunked) lines.push("transfer-encoding: chunked\r\n");
  const text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}` +
    `connection: ${isKept && body ? "keep-alive" : "close"}\r\n\r\n`;
  const writer = new MessageWriter(stream, bytesOf(text), { isChunked });
  if (body) {
    limit.set(ANSWER_MS);
    await writer.write(isBare ? [] : [body]);
    return isKept;
  }
  const reader = response.body!.getReader();
  // Who ends its direction is not heard of any more when it ends the other.
  input.onEnd = () => void reader.cancel().catch(() => {});
  input.watch();
  try {
    if (input.ended !== undefined) return false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await writer.write([value]);
    }
    await writer.write([], []);
    return false;
  } finally {
    input.unwatch();
    input.onEnd = undefined;
    await reader.cancel();
  }
}

/** A limit of time, one after the other. */
class Limit {
  readonly #onLate: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  set(ms: number): void {
    this.clear();
    this.#timer = setTimeout(this.#onLate, ms);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** A unix socket as a stream. */
class UnixStream implements ByteStream {
  readonly #connection: Deno.UnixConn;

  constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    return this.#connection.read(into);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#connection.write(bytes.subarray(at));
    }
  }

  async closeWrite(): Promise<void> {
    await this.#connection.closeWrite();
  }

  reset(): void {
    this.close();
  }

  close(): void {
    closed(this.#connection);
  }
}
