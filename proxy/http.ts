/**
 * The HTTP proxy: CONNECT, and requests in absolute form (RFC 9110, RFC 9112).
 *
 * `node:http` parses both sides. It speaks over sockets of ours in the shape it wants
 * (`duplex.ts`), so that a tunnel, be it of CONNECT or of an upgrade, is handed to `splice`
 * as soon as it is agreed on, and never passes through Node's streams. Bodies are streamed
 * with the back-pressure of both sides. Connections to origin servers are kept and used
 * again.
 */
import { Buffer } from "node:buffer";
import http from "node:http";
import { type Credentials, isRight, parseBasic } from "./auth.ts";
import { type Connector, join, type Upstream } from "./connector.ts";
import { DialError, formatTarget } from "./dial.ts";
import { farewell } from "./farewell.ts";
import {
  endToEnd,
  type Field,
  fieldsOf,
  parseAbsoluteForm,
  parseAuthorityForm,
  type RequestTarget,
  tokensOf,
} from "./http_headers.ts";
import { HttpClient } from "./http_client.ts";
import { HttpError, parseRefusal } from "./http_error.ts";
import {
  bindsConnection,
  type OriginAnswer,
  type OriginOptions,
  Origins,
} from "./http_origins.ts";
import { ReadAhead } from "./read_ahead.ts";
import { SocketStream } from "./stream.ts";

/** Bytes of a request's header, beyond which it is answered with 431. */
const HEADER_BYTES = 64 * 1024;
/** A header has to be complete in this time, or is answered with 408. */
const HEADER_LIMIT_MS = 20_000;
/** How often that is looked at. */
const CHECK_MS = 2000;
/** How long a client's connection is kept between two requests. */
const CLIENT_IDLE_MS = 60_000;
/** How long a client that ended its direction, and may have left, waits for some byte. */
const HALF_CLOSED_MS = 10_000;
/** How long a server may take to say whether it makes a tunnel of an upgrade. */
const UPGRADE_LIMIT_MS = 60_000;
/** Methods whose request may be sent twice (RFC 9110, 9.2.2), without a body. */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Methods that say nothing of a body by having none; for others its length 0 is said. */
const BODILESS: ReadonlySet<string> = new Set([...REPEATABLE, "DELETE"]);

/** Options of an {@linkcode HttpProxy}. */
export interface HttpProxyOptions {
  readonly connector: Pick<Connector, "connect">;
  /** What clients have to know; without it, anyone is served. */
  readonly auth?: Credentials | undefined;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Milliseconds in which a header has to be complete, for tests. */
  readonly headerLimitMs?: number;
  /** Milliseconds for which a client may wait between two requests, for tests. */
  readonly clientIdleMs?: number;
  /** Milliseconds for which one that ended its direction waits for some byte, for tests. */
  readonly halfClosedMs?: number;
}

/** An HTTP proxy, without the listener. */
export class HttpProxy {
  readonly #options: HttpProxyOptions;
  readonly #server: http.Server;
  readonly #origins: Origins;
  /** Connections of clients that may have authenticated them. */
  readonly #own = new WeakMap<HttpClient, Origins>();
  /** How long a client may have no request under way. */
  readonly #idleMs: number;
  /** How long one that may have left waits for some byte. */
  readonly #halfClosedMs: number;
  /** Each client, with what ends its `serve`. */
  readonly #clients = new Map<HttpClient, () => void>();
  /** The exchange that each client's last request is part of. */
  readonly #exchanges = new WeakMap<HttpClient, Exchange>();
  /** Tells this proxy from others on the way of a request, to find a loop. */
  readonly #pseudonym = `norouter-${crypto.randomUUID().slice(0, 8)}`;

  constructor(options: HttpProxyOptions) {
    this.#options = options;
    this.#origins = new Origins(options.connector);
    const limit = options.headerLimitMs ?? HEADER_LIMIT_MS;
    const keepAliveTimeout = options.clientIdleMs ?? CLIENT_IDLE_MS;
    // Node's limits, each with words of its own, come first where they run.
    this.#idleMs = keepAliveTimeout + limit + CHECK_MS;
    this.#halfClosedMs = options.halfClosedMs ?? HALF_CLOSED_MS;
    const server = http.createServer({
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: limit,
      requestTimeout: 0, // an upload may take as long as it goes on
      keepAliveTimeout,
      connectionsCheckingInterval: Math.min(CHECK_MS, limit / 2),
      insecureHTTPParser: false,
      requireHostHeader: false, // `checkMessage` says more
      // Only what may become a tunnel; an upgrade may also be ignored (RFC 9110, 7.8).
      shouldUpgradeCallback: ({ headers }: http.IncomingMessage) =>
        !headers["transfer-encoding"] && !Number(headers["content-length"] ?? 0),
    } as http.ServerOptions);
    // Beyond a number of fields Node leaves out the rest without a word; if the length of
    // the body is among them, it becomes the next request of the server behind us.
    server.maxHeadersCount = 0;
    // A client that ended its direction waits for its answers. Node believes that it left.
    Object.assign(server, { httpAllowHalfOpen: true });
    // It never listens itself. If it knew, it would end each connection after one
    // response, and not look at the time that headers take.
    Object.defineProperty(server, "listening", { get: () => true });
    server.emit("listening");
    const take = (request: http.IncomingMessage, response: http.ServerResponse) => {
      this.#take(request, response);
    };
    server.on("request", take);
    server.on("checkContinue", take);
    server.on("checkExpectation", take);
    server.on("connect", (request, duplex, head) => {
      this.#leave(duplex as unknown as HttpClient, head, async (leaver) => {
        await this.#tunnel(leaver, request);
      });
    });
    server.on("upgrade", (request, duplex, head) => {
      this.#leave(duplex as unknown as HttpClient, head, async (leaver) => {
        await this.#upgrade(leaver, request);
      });
    });
    server.on("clientError", (error, duplex) => {
      this.#refuse(error, duplex as unknown as HttpClient);
    });
    this.#server = server;
    options.signal.addEventListener("abort", () => this.#end());
    if (options.signal.aborted) this.#end();
  }

  /** Takes a client's connection; settles when it has ended. Never rejects. */
  serve(socket: Deno.TcpConn): Promise<void> {
    const client = new HttpClient(new SocketStream(socket), {
      idleMs: this.#idleMs,
      halfClosedMs: this.#halfClosedMs,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clients.set(client, () => {
      this.#clients.delete(client);
      resolve();
    });
    client.on("error", () => {}); // it left; what it asked for ends with `close`
    client.on("close", () => this.#clients.get(client)?.());
    if (this.#options.signal.aborted) client.destroy(new Error("ended"));
    else this.#server.emit("connection", client);
    return promise;
  }

  #end(): void {
    this.#server.emit("close"); // ends its looking at times
    this.#origins.destroy();
    for (const client of this.#clients.keys()) {
      if (!client.isDetached) client.destroy(new Error("ended"));
    }
  }

  /** Serves a request when its turn has come. */
  #take(request: http.IncomingMessage, response: http.ServerResponse): void {
    const client = request.socket as unknown as HttpClient;
    const exchange: Exchange = { request, response, isRefused: false };
    this.#exchanges.set(client, exchange);
    client.inTurn(async () => {
      const closed = new Promise((resolve) => response.once("close", resolve));
      if (response.destroyed) return;
      // Node would do this as well, but no longer once a request behind it `#leave`s.
      const drained = () => void response.emit("drain");
      client.on("drain", drained);
      await this.#serve(exchange).catch((error) => response.destroy(error));
      await closed;
      client.off("drain", drained);
    });
  }

  /** Answers what Node's parser did not understand, where an answer can be told from others. */
  #refuse(error: Error & ParseError, client: HttpClient): void {
    if (client.isLeaving) return;
    const refusal = notImplemented(error) ?? parseRefusal(error);
    const exchange = this.#exchanges.get(client);
    if (refusal && client.writable && client.open === 0) {
      client.refuse(refusal.toBytes());
    } else if (
      refusal && client.open === 1 && exchange &&
      !exchange.request.complete && !exchange.response.headersSent
    ) {
      exchange.isRefused = true; // in the middle of its body
      refusal.respond(exchange.response, { close: true });
      exchange.request.destroy();
    } else if (refusal && exchange?.request.complete) {
      client.refuse(refusal.toBytes()); // its answer comes first
    } else client.destroy(error);
  }

  /**
   * Takes a client out of Node's hands for `use`: its reading at once, its writing when the
   * answers before this one are written; then it is done with. `head` was read already.
   */
  async #leave(
    client: HttpClient,
    head: Buffer,
    use: (leaver: Leaver) => Promise<void>,
  ): Promise<void> {
    const { signal } = this.#options;
    const stream = client.detachReader();
    const left = new AbortController();
    const ahead = new ReadAhead(stream.socket, head, (error) => {
      left.abort(error);
      if (error instanceof Deno.errors.ConnectionReset) client.abandon(error);
      else client.halfClose();
    });
    const end = () => stream.reset();
    signal.addEventListener("abort", end);
    try {
      await client.idle;
      if (client.isLeaving) await client.gone; // an answer before was to be the last
      else if (signal.aborted || client.destroyed) stream.reset();
      else await use({ client: client.detach(), ahead, left });
    } catch {
      stream.reset();
    } finally {
      signal.removeEventListener("abort", end);
      client.destroy();
    }
  }

  /**
   * Throws if the request went through this proxy before. That comes before all that is
   * asked of a request to a proxy: it was sent on as one to a web server, without password.
   */
  #checkLoop({ rawHeaders, headers, url = "" }: http.IncomingMessage): void {
    const hops = tokensOf(fieldsOf(rawHeaders), "via");
    if (!hops.some((hop) => hop.split(/\s+/)[1] === this.#pseudonym)) return;
    const plain = withoutUser(url);
    const target = parseAbsoluteForm(plain);
    const asked = url.startsWith("/") ? `${headers.host ?? ""}${url}` : plain;
    const shown = typeof target === "string"
      ? asked
      : `${target.authority}${target.path}`;
    throw new HttpError(508, `${shown} comes back to this proxy: a loop`);
  }

  /** Whether the client may use the proxy; if not, why not. */
  async #check(request: http.IncomingMessage): Promise<void> {
    const { auth } = this.#options;
    if (!auth) return;
    const said = parseBasic(request.headers["proxy-authorization"]);
    if (said && await isRight(said, auth)) return;
    throw new HttpError(
      407,
      said
        ? "Wrong user name or password for this proxy"
        : "This proxy asks for a user name and a password",
      [["Proxy-Authenticate", `Basic realm="NoRouter", charset="UTF-8"`]],
    );
  }

  // ---- requests in absolute form ----

  async #serve(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    try {
      checkMessage(request);
      this.#checkLoop(request);
      await this.#check(request);
      const target = parsed(parseAbsoluteForm(withoutUser(request.url ?? "")));
      await this.#forward(request, response, this.#origin(request, target));
    } catch (error) {
      if (exchange.isRefused) return;
      if (response.headersSent || response.destroyed) throw error;
      HttpError.of(error).respond(response, { close: !request.complete });
    }
  }

  /** The request as it goes on to its origin server. */
  #origin(request: http.IncomingMessage, target: RequestTarget): OriginOptions {
    const fields = fieldsOf(request.rawHeaders);
    const { authority, hostname, port, path } = target;
    const { method = "GET", headers, httpVersion } = request;
    // For the whole server: RFC 9112, 3.2.4.
    const isStar = method === "OPTIONS" && path === "/" && !request.url!.endsWith("/");
    const isChunked = headers["transfer-encoding"] !== undefined;
    const length = headers["content-length"];
    const hasBody = isChunked || length !== undefined;
    const own = httpVersion === "1.0" ? OWN_OF_1_0 : OWN;
    return {
      hostname,
      port,
      method,
      path: isStar ? "*" : path,
      isRepeatable: REPEATABLE.has(method) && !hasBody,
      fields: [
        ["Host", authority],
        ...withTrailer(endToEnd(fields), isChunked)
          .filter(([name]) => !own.has(name.toLowerCase())),
        ["Via", `${httpVersion} ${this.#pseudonym}`],
        ...(tokensOf(fields, "te").includes("trailers") ? TE_TRAILERS : []),
        ...(isChunked ? [CHUNKED] : []),
        // Said here, lest a `Connection: Content-Length` takes it away from its body.
        ...(length !== undefined ? [["Content-Length", length] as const] : []),
        ...(!hasBody && !BODILESS.has(method) ? [EMPTY] : []),
      ],
    };
  }

  async #forward(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    origin: OriginOptions,
  ): Promise<void> {
    const left = new AbortController();
    const client = request.socket as unknown as HttpClient;
    const giveUp = () => {
      if (response.headersSent) client.destroy();
      else left.abort(this.#tooLate(origin));
    };
    client.on("silent", giveUp);
    response.on("close", () => {
      client.off("silent", giveUp);
      left.abort(new Error("the client left"));
    });
    const origins = this.#originsFor(client, origin);
    const ask = { origins, signal: left.signal };
    const { answer, upstream } = await this.#request(origin, ask, (out) => {
      // To a client of HTTP/1.0 there is nothing between request and answer.
      if (request.httpVersion !== "1.0") passOn(out, response);
      if (origin.isRepeatable) return out.end();
      sendHead(out);
      carry(request, out, () => trailersOf(request));
    });
    if (upstream) {
      upstream.reset();
      throw unusable(origin, "it makes a tunnel, unasked");
    }
    respond(response, answer, this.#pseudonym);
    sendHead(response);
    carry(answer, response, () => trailersOf(answer));
  }

  /** For a client that may have left; if it did not, it reads this. */
  #tooLate(origin: OriginOptions): HttpError {
    const limit = `${this.#halfClosedMs / 1000} s`;
    const why = `no answer within ${limit} of the client's end of its direction`;
    return new HttpError(504, `${targetOf(origin)}: ${why}`);
  }

  /** Where a client's requests go: over its own connections once one may be in its name. */
  #originsFor(client: HttpClient, { fields }: OriginOptions): Origins {
    const own = this.#own.get(client);
    if (own) return own;
    const isBinding = fields.some(([name, value]) => {
      return name.toLowerCase() === "authorization" && bindsConnection(value);
    });
    if (!isBinding) return this.#origins;
    const origins = new Origins(this.#options.connector, { isOwn: true });
    this.#own.set(client, origins);
    client.once("close", () => origins.destroy());
    return origins;
  }

  /** Sends a request; whatever goes wrong with it is told with the server's name. */
  async #request(
    origin: OriginOptions,
    { origins, signal }: { readonly origins: Origins; readonly signal: AbortSignal },
    send: (request: http.ClientRequest) => void,
  ): Promise<OriginAnswer> {
    let answered: OriginAnswer;
    try {
      answered = await origins.request(origin, signal, send);
    } catch (error) {
      if (error instanceof DialError || error instanceof HttpError) throw error;
      throw unusable(origin, error instanceof Error ? error.message : String(error));
    }
    const why = whyUnusable(answered);
    if (why === undefined) return answered;
    answered.answer.destroy();
    answered.upstream?.reset();
    throw unusable(origin, why);
  }

  // ---- tunnels ----

  async #tunnel(
    { client, ahead, left }: Leaver,
    request: http.IncomingMessage,
  ): Promise<void> {
    let upstream: Upstream;
    try {
      await this.#check(request);
      const { hostname, port } = parsed(
        parseAuthorityForm(withoutUser(request.url ?? "")),
      );
      const signal = AbortSignal.any([left.signal, this.#options.signal]);
      upstream = await this.#options.connector.connect(hostname, port, signal);
    } catch (error) {
      ahead.giveBack();
      return await farewell(client, HttpError.of(error).toBytes());
    }
    ahead.giveBack();
    await this.#join(client, upstream, [CONNECTED]);
  }

  /** An upgrade, such as to a WebSocket: the answer decides whether it becomes a tunnel. */
  async #upgrade(
    { client, ahead, left }: Leaver,
    request: http.IncomingMessage,
  ): Promise<void> {
    try {
      checkMessage(request);
      this.#checkLoop(request);
      await this.#check(request);
      const target = parsed(parseAbsoluteForm(withoutUser(request.url ?? "")));
      const origin = this.#origin(request, target);
      const timer = setTimeout(() => {
        const cause = new Error(`no answer within ${UPGRADE_LIMIT_MS / 1000} s`);
        left.abort(new DialError("timed-out", targetOf(origin), cause));
      }, UPGRADE_LIMIT_MS);
      const fields: Field[] = [
        ...origin.fields.filter(([name]) => name !== "Connection"),
        ["Connection", "Upgrade"],
        ["Upgrade", request.headers.upgrade ?? ""],
      ];
      const options = { ...origin, fields, isRepeatable: false, isUpgrade: true };
      const signal = AbortSignal.any([left.signal, this.#options.signal]);
      const ask = { origins: this.#origins, signal };
      const { answer, upstream, early } = await this.#request(
        options,
        ask,
        (out) => out.end(),
      )
        .finally(() => clearTimeout(timer));
      ahead.giveBack();
      if (upstream) {
        const down = [headOf(answer, this.#pseudonym), early];
        await this.#join(client, upstream, down);
      } else await answerPlainly(client, request, answer, this.#pseudonym);
    } catch (error) {
      ahead.giveBack();
      await farewell(client, HttpError.of(error).toBytes());
    }
    left.abort(); // if the client left before the end of the answer
  }

  /** Makes a tunnel, after the first bytes for the client. Never rejects. */
  async #join(
    client: SocketStream,
    upstream: Upstream,
    down: readonly Uint8Array[],
  ): Promise<void> {
    const { signal } = this.#options;
    const end = () => upstream.reset();
    signal.addEventListener("abort", end);
    try {
      signal.throwIfAborted();
      for (const bytes of down) if (bytes.length > 0) await client.write(bytes);
    } catch {
      upstream.reset();
      client.reset(); // too late for words: the client believes to speak with the server
      return;
    } finally {
      signal.removeEventListener("abort", end);
    }
    await join(client, upstream, signal);
  }
}

/** A request of a client and the answer to it. */
interface Exchange {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** Its body proved to be wrong, and it was answered so. */
  isRefused: boolean;
}

/** A client that asks for a tunnel, out of Node's hands. */
interface Leaver {
  readonly client: SocketStream;
  /** Reads it until the tunnel is made. */
  readonly ahead: ReadAhead;
  /** Aborts when it leaves. */
  readonly left: AbortController;
}

/** What Node's parser says when it gives up. */
interface ParseError {
  readonly code?: string;
  /** What it was given last. */
  readonly rawPacket?: Uint8Array;
  /** How much of that it understood. */
  readonly bytesParsed?: number;
}

/** Fields that are written anew. */
const OWN: ReadonlySet<string> = new Set(["host", "content-length"]);
/** HTTP/1.0 has no expectations (RFC 9110, 10.1.1). */
const OWN_OF_1_0: ReadonlySet<string> = new Set([...OWN, "expect"]);
/** Fields that mean something before a body only (RFC 9110, 6.5.1). */
const NO_TRAILERS: ReadonlySet<string> = new Set([
  "content-length",
  "host",
  "trailer",
  "via",
]);
const TE_TRAILERS: readonly Field[] = [["Connection", "keep-alive, TE"], [
  "TE",
  "trailers",
]];
const CHUNKED: Field = ["Transfer-Encoding", "chunked"];
const EMPTY: Field = ["Content-Length", "0"];
const CONNECTED = new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n");

function parsed(target: RequestTarget | string): RequestTarget {
  if (typeof target === "string") throw new HttpError(400, target);
  return target;
}

/** A URL without user and password, which are in no message then. */
function withoutUser(url: string): string {
  return url.replace(/^([^/?#]*\/\/)?[^/?#]*@/, "$1");
}

function targetOf({ hostname, port }: OriginOptions): string {
  return formatTarget(hostname, port);
}

function unusable(origin: OriginOptions, why: string): HttpError {
  return new HttpError(502, `The answer of ${targetOf(origin)} cannot be used: ${why}`);
}

/** Throws where Node's parser is content and RFC 9112 is not. */
function checkMessage({ rawHeaders, headers, httpVersion }: http.IncomingMessage): void {
  const hosts = fieldsOf(rawHeaders).filter(([name]) => name.toLowerCase() === "host");
  if (httpVersion !== "1.1" && httpVersion !== "1.0") {
    throw new HttpError(400, `HTTP/${httpVersion} is not spoken here, but HTTP/1.1 is`);
  }
  if (hosts.length > 1 || httpVersion === "1.1" && hosts.length === 0) {
    throw new HttpError(400, `A request has one Host field, this one ${hosts.length}`);
  }
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && httpVersion === "1.0") {
    throw new HttpError(400, "HTTP/1.0 has no Transfer-Encoding"); // RFC 9112, 6.1
  }
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    throw new HttpError(501, `Transfer-Encoding: ${coding} is not known here`);
  }
  const { expect } = headers;
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    throw new HttpError(417, `Expect: ${expect} is not known here`);
  }
}

/** The answer to a method that the parser does not know, if it is a request otherwise. */
function notImplemented(
  { code, rawPacket, bytesParsed = 0 }: ParseError,
): HttpError | undefined {
  if (code !== "HPE_INVALID_METHOD" || !rawPacket) return undefined;
  const text = Buffer.from(rawPacket.subarray(0, HEADER_BYTES)).toString("latin1");
  const [, method] = /^([!#$%&'*+.^_`|~\w-]{1,40}) \S+ HTTP\/1\.[01]\r\n/.exec(text) ??
    [];
  // It may also be the method of a good request, with something else behind it.
  if (method === undefined || bytesParsed > method.length) return undefined;
  const hint = "use CONNECT, which lets all methods through";
  return new HttpError(501, `The method ${method} is not known here: ${hint}`);
}

/** Why an answer cannot be passed on, if it is so. */
function whyUnusable({ answer, upstream }: OriginAnswer): string | undefined {
  const { statusCode = 0, headers } = answer;
  if (!upstream && statusCode < 200) {
    return `the status ${statusCode} is not the last word`;
  }
  const coding = headers["transfer-encoding"] ?? "chunked";
  if (coding.toLowerCase() === "chunked") return undefined;
  return `Transfer-Encoding: ${coding} is not known here`;
}

/** Lets through what a server says before its answer, as far as the client reads it. */
function passOn(out: http.ClientRequest, response: http.ServerResponse): void {
  out.once("continue", () => response.writeContinue());
  out.on("information", ({ statusCode, rawHeaders }) => {
    if (out.destroyed || response.socket?.writableNeedDrain) return;
    if (statusCode === 102) response.writeProcessing();
    if (statusCode !== 103) return;
    const hints: Record<string, string | string[]> = {};
    for (const [name, value] of endToEnd(fieldsOf(rawHeaders))) {
      const before = hints[name.toLowerCase()] ?? [];
      hints[name.toLowerCase()] = [before, value].flat();
    }
    try {
      response.writeEarlyHints(hints);
    } catch {
      // Node is strict about links. The hint is lost, which costs a little time.
    }
  });
}

/** Sends the head of a message now: the first bytes of its body may be long in coming. */
function sendHead(message: http.OutgoingMessage): void {
  message.write("", "latin1"); // `flushHeaders` would make UTF-8 of it
}

/** The fields without `Trailer`, which Node takes for an error where there can be none. */
function withTrailer(fields: readonly Field[], isChunked: boolean): readonly Field[] {
  return isChunked ? fields : fields.filter(([name]) => name.toLowerCase() !== "trailer");
}

/** The trailer fields that go on; none of those that could change what was read before. */
function trailersOf(message: http.IncomingMessage): Field[] {
  return endToEnd(fieldsOf(message.rawTrailers))
    .filter(([name]) => !NO_TRAILERS.has(name.toLowerCase()));
}

/** The reason phrase of an answer, or the usual one if it is none (RFC 9112, 4). */
function phraseOf(
  { statusCode = 502, statusMessage = "" }: http.IncomingMessage,
): string {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(statusMessage)
    ? statusMessage
    : http.STATUS_CODES[statusCode] ?? "";
}

/** The fields of an answer as they go on to the client. */
function answerFields(answer: http.IncomingMessage, pseudonym: string): Field[] {
  return [
    ...endToEnd(fieldsOf(answer.rawHeaders)),
    ["Via", `${answer.httpVersion} ${pseudonym}`],
  ];
}

function respond(
  response: http.ServerResponse,
  answer: http.IncomingMessage,
  pseudonym: string,
): void {
  const { req: request } = response;
  const isChunked = answer.headers["transfer-encoding"] !== undefined &&
    request.httpVersion !== "1.0" && request.method !== "HEAD" &&
    answer.statusCode !== 204 && answer.statusCode !== 304;
  const fields = withTrailer(answerFields(answer, pseudonym), isChunked);
  response.sendDate = false; // the origin server's, or none
  response.writeHead(answer.statusCode ?? 502, phraseOf(answer), fields.flat());
}

/** The head of an answer that makes a tunnel, as text. */
function headOf(answer: http.IncomingMessage, pseudonym: string): Uint8Array {
  const fields = [
    ...answerFields(answer, pseudonym),
    ["Connection", "Upgrade"],
    ["Upgrade", answer.headers.upgrade ?? ""],
  ];
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const start = `HTTP/1.1 ${answer.statusCode} ${phraseOf(answer)}`;
  return Buffer.from(`${start}\r\n${lines}\r\n`, "latin1");
}

/**
 * An upgrade that the server declined: its answer, after which the client's connection ends.
 * Rejects if it cannot be passed on; nothing was written then.
 */
async function answerPlainly(
  client: SocketStream,
  request: http.IncomingMessage,
  answer: http.IncomingMessage,
  pseudonym: string,
): Promise<void> {
  const response = new http.ServerResponse(request);
  response.shouldKeepAlive = false;
  respond(response, answer, pseudonym);
  const duplex = new HttpClient(client);
  const ended = new Promise((resolve) => duplex.once("close", resolve));
  duplex.on("error", () => {});
  duplex.on("end", () => duplex.destroy()); // it left
  duplex.resume();
  response.assignSocket(duplex as unknown as import("node:net").Socket);
  response.on("finish", () => duplex.destroySoon());
  duplex.on("drain", () => response.emit("drain")); // what a server of Node's would do
  sendHead(response);
  carry(answer, response, () => trailersOf(answer));
  await ended;
}

/**
 * Carries a body from one message to the next, with its back-pressure, and the trailer
 * fields that `trailers` gives at its end. A body that breaks off breaks off there too.
 */
function carry(
  from: http.IncomingMessage,
  to: http.OutgoingMessage,
  trailers: () => Field[],
): void {
  let isWhole = false;
  from.on("data", (chunk: Buffer) => {
    if (!to.destroyed && !to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => {
    if (wasCutShort(from)) return;
    isWhole = true;
    const fields = trailers();
    if (fields.length > 0) {
      to.addTrailers(fields.map(([name, value]): [string, string] => [name, value]));
    }
    to.end();
  });
  // A server may answer before it has read all; the rest of the request goes nowhere.
  to.on("close", () => from.resume());
  from.on("error", () => {}); // followed by `close`
  from.on("close", () => {
    if (!isWhole && !to.writableEnded) to.destroy(new Error("the message broke off"));
  });
}

/** Whether a body that ends with its connection ended with a failure of that. */
function wasCutShort({ headers, socket }: http.IncomingMessage): boolean {
  return headers["content-length"] === undefined &&
    headers["transfer-encoding"] === undefined && socket?.errored != null;
}
