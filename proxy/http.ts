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
import { type Connector, join } from "./connector.ts";
import { StreamDuplex } from "./duplex.ts";
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
import { HttpError, parseRefusal } from "./http_error.ts";
import { type OriginOptions, Origins } from "./http_origins.ts";
import { SocketStream } from "./stream.ts";

/** Bytes of a request's header, beyond which it is answered with 431. */
const HEADER_BYTES = 64 * 1024;
/** A header has to be complete in this time, or is answered with 408. */
const HEADER_LIMIT_MS = 20_000;
/** How often that is looked at. */
const CHECK_MS = 2000;
/** How long a client's connection is kept between two requests. */
const CLIENT_IDLE_MS = 60_000;
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
}

type Client = StreamDuplex<SocketStream>;

/** An HTTP proxy, without the listener. */
export class HttpProxy {
  readonly #options: HttpProxyOptions;
  readonly #server: http.Server;
  readonly #origins: Origins;
  /** Each client, with what ends its `serve`. */
  readonly #clients = new Map<Client, () => void>();
  /** Tells this proxy from others on the way of a request, to find a loop. */
  readonly #pseudonym = `norouter-${crypto.randomUUID().slice(0, 8)}`;

  constructor(options: HttpProxyOptions) {
    this.#options = options;
    this.#origins = new Origins(options.connector);
    const limit = options.headerLimitMs ?? HEADER_LIMIT_MS;
    const server = http.createServer({
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: limit,
      requestTimeout: 0, // an upload may take as long as it goes on
      keepAliveTimeout: CLIENT_IDLE_MS,
      connectionsCheckingInterval: Math.min(CHECK_MS, limit / 2),
      insecureHTTPParser: false,
      // Only what may become a tunnel; an upgrade may also be ignored (RFC 9110, 7.8).
      shouldUpgradeCallback: ({ headers }: http.IncomingMessage) =>
        !headers["transfer-encoding"] && !Number(headers["content-length"] ?? 0),
    } as http.ServerOptions);
    // It never listens itself. If it knew, it would end each connection after one
    // response, and not look at the time that headers take.
    Object.defineProperty(server, "listening", { get: () => true });
    server.emit("listening");
    const serve = (request: http.IncomingMessage, response: http.ServerResponse) => {
      this.#serve(request, response).catch((error) => response.destroy(error));
    };
    server.on("request", serve);
    server.on("checkContinue", serve);
    server.on("connect", (request, duplex, head) => {
      this.#leave(duplex as unknown as Client, async (client) => {
        await this.#tunnel(client, request, head);
      });
    });
    server.on("upgrade", (request, duplex, head) => {
      this.#leave(duplex as unknown as Client, async (client) => {
        await this.#upgrade(client, request, head);
      });
    });
    server.on("clientError", (error: Error & { code?: string }, duplex) => {
      const client = duplex as unknown as Client;
      const refusal = parseRefusal(error);
      if (!refusal || !client.writable) return client.destroy();
      client.end(refusal.toBytes());
    });
    this.#server = server;
    options.signal.addEventListener("abort", () => this.#end());
    if (options.signal.aborted) this.#end();
  }

  /** Takes a client's connection; settles when it has ended. Never rejects. */
  serve(socket: Deno.TcpConn): Promise<void> {
    const client: Client = new StreamDuplex(new SocketStream(socket));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clients.set(client, () => {
      this.#clients.delete(client);
      resolve();
    });
    client.on("error", () => {}); // it left; what it asked for ends with `close`
    client.on("close", () => this.#clients.get(client)?.());
    if (this.#options.signal.aborted) client.destroy();
    else this.#server.emit("connection", client);
    return promise;
  }

  #end(): void {
    this.#server.emit("close"); // ends its looking at times
    this.#origins.destroy();
    for (const client of this.#clients.keys()) client.destroy(new Error("ended"));
  }

  /** Takes a client out of Node's hands, at once, for `use`; then it is done with. */
  #leave(client: Client, use: (client: SocketStream) => Promise<void>): void {
    const done = this.#clients.get(client);
    const isBusy = responding(client);
    const stream = client.detach();
    if (isBusy || !done) { // a tunnel asked for before the last answer came
      stream.reset();
      return done?.();
    }
    use(stream).catch(() => stream.reset()).finally(done);
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

  async #serve(
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    try {
      await this.#check(request);
      const target = parsed(parseAbsoluteForm(request.url ?? ""));
      await this.#forward(request, response, this.#origin(request, target));
    } catch (error) {
      if (response.headersSent || response.destroyed) throw error;
      HttpError.of(error).respond(response, { close: !request.complete });
    }
  }

  /** The request as it goes on to its origin server. */
  #origin(request: http.IncomingMessage, target: RequestTarget): OriginOptions {
    const fields = fieldsOf(request.rawHeaders);
    if (tokensOf(fields, "via").some((hop) => hop.split(/\s+/)[1] === this.#pseudonym)) {
      throw new HttpError(508, `${request.url} comes back to this proxy: a loop`);
    }
    const { authority, hostname, port, path } = target;
    const { method = "GET", headers } = request;
    // For the whole server: RFC 9112, 3.2.4.
    const isStar = method === "OPTIONS" && path === "/" && !request.url!.endsWith("/");
    const hasBody = headers["transfer-encoding"] !== undefined ||
      headers["content-length"] !== undefined;
    return {
      hostname,
      port,
      method,
      path: isStar ? "*" : path,
      isRepeatable: REPEATABLE.has(method) && !hasBody,
      fields: [
        ["Host", authority],
        ...endToEnd(fields).filter(([name]) => name.toLowerCase() !== "host"),
        ["Via", `${request.httpVersion} ${this.#pseudonym}`],
        ...(tokensOf(fields, "te").includes("trailers") ? [TE_TRAILERS] : []),
        ...(headers["transfer-encoding"] !== undefined ? [CHUNKED] : []),
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
    const leave = () => left.abort(new Error("the client left"));
    response.on("close", leave);
    const { answer } = await this.#origins.request(origin, left.signal, (out) => {
      out.on("continue", () => response.writeContinue());
      out.on("information", ({ statusCode, rawHeaders }) => {
        if (statusCode === 102) response.writeProcessing();
        const { link, ...fields } = Object.fromEntries(
          endToEnd(fieldsOf(rawHeaders)).map((
            [name, value],
          ) => [name.toLowerCase(), value]),
        );
        if (statusCode === 103 && link) response.writeEarlyHints({ link, ...fields });
      });
      if (origin.isRepeatable) out.end();
      else carry(request, out, () => fieldsOf(request.rawTrailers));
    });
    respond(response, answer, this.#pseudonym);
    response.flushHeaders(); // the first bytes of the body may be long in coming
    carry(answer, response, () => fieldsOf(answer.rawTrailers));
  }

  // ---- tunnels ----

  async #tunnel(
    client: SocketStream,
    request: http.IncomingMessage,
    head: Buffer,
  ): Promise<void> {
    const { connector, signal } = this.#options;
    try {
      await this.#check(request);
      const { hostname, port } = parsed(parseAuthorityForm(request.url ?? ""));
      const upstream = await connector.connect(hostname, port);
      await client.write(CONNECTED);
      if (head.length > 0) await upstream.write(head);
      await join(client, upstream, signal);
    } catch (error) {
      await farewell(client, HttpError.of(error).toBytes());
    }
  }

  /** An upgrade, such as to a WebSocket: the answer decides whether it becomes a tunnel. */
  async #upgrade(
    client: SocketStream,
    request: http.IncomingMessage,
    head: Buffer,
  ): Promise<void> {
    const { signal } = this.#options;
    try {
      await this.#check(request);
      const target = parsed(parseAbsoluteForm(request.url ?? ""));
      const origin = this.#origin(request, target);
      const fields: Field[] = [
        ...origin.fields,
        ["Connection", "Upgrade"],
        ["Upgrade", request.headers.upgrade ?? ""],
      ];
      const options = { ...origin, fields, isRepeatable: false, isUpgrade: true };
      const send = (out: http.ClientRequest) => out.end();
      const { answer, upstream, early } = await this.#origins.request(
        options,
        signal,
        send,
      );
      if (!upstream) return await answerPlainly(client, request, answer, this.#pseudonym);
      await client.write(headOf(answer, this.#pseudonym));
      if (early.length > 0) await client.write(early);
      if (head.length > 0) await upstream.write(head);
      await join(client, upstream, signal);
    } catch (error) {
      await farewell(client, HttpError.of(error).toBytes());
    }
  }
}

const TE_TRAILERS: Field = ["TE", "trailers"];
const CHUNKED: Field = ["Transfer-Encoding", "chunked"];
const EMPTY: Field = ["Content-Length", "0"];
const CONNECTED = new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n");

function parsed(target: RequestTarget | string): RequestTarget {
  if (typeof target === "string") throw new HttpError(400, target);
  return target;
}

/** Whether an answer to the client is not finished yet. */
function responding(client: Client): boolean {
  return (client as Client & { _httpMessage?: unknown })._httpMessage != null;
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
  response.sendDate = false; // the origin server's, or none
  response.writeHead(
    answer.statusCode ?? 502,
    answer.statusMessage,
    answerFields(answer, pseudonym).flat(),
  );
}

/** The head of an answer that makes a tunnel, as text. */
function headOf(answer: http.IncomingMessage, pseudonym: string): Uint8Array {
  const fields = [
    ...answerFields(answer, pseudonym),
    ["Connection", "Upgrade"],
    ["Upgrade", answer.headers.upgrade ?? ""],
  ];
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const { statusCode, statusMessage } = answer;
  return Buffer.from(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines}\r\n`, "latin1");
}

/** An upgrade that the server declined: its answer, after which the client's connection ends. */
async function answerPlainly(
  client: SocketStream,
  request: http.IncomingMessage,
  answer: http.IncomingMessage,
  pseudonym: string,
): Promise<void> {
  const duplex = new StreamDuplex(client);
  const ended = new Promise((resolve) => duplex.once("close", resolve));
  duplex.on("error", () => {});
  const response = new http.ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(duplex as unknown as import("node:net").Socket);
  response.on("finish", () => duplex.destroySoon());
  respond(response, answer, pseudonym);
  carry(answer, response, () => fieldsOf(answer.rawTrailers));
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
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => {
    isWhole = true;
    const fields = trailers();
    if (fields.length > 0) {
      to.addTrailers(fields.map(([name, value]): [string, string] => [name, value]));
    }
    to.end();
  });
  from.on("error", () => {}); // followed by `close`
  from.on("close", () => {
    if (!isWhole && !to.writableEnded) to.destroy(new Error("the message broke off"));
  });
}
