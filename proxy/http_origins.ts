/** Origin servers: sends them requests over connections of the mesh that are used again. */
import type { Buffer } from "node:buffer";
import http from "node:http";
import type { Duplex } from "node:stream";
import type { Connector, Upstream } from "./connector.ts";
import { DialError, formatTarget } from "./dial.ts";
import { StreamDuplex } from "./duplex.ts";
import type { Field } from "./http_headers.ts";

/** How long a connection is kept that is not in use; many servers keep theirs for 5 s. */
const IDLE_MS = 4000;
/** The same for one client's own: it has to log in again when one ends. */
const OWN_IDLE_MS = 60_000;
/** Connections kept that are not in use, for each server. */
const MOST_IDLE = 64;
/** Bytes of an answer's header; larger ones are not passed on. */
const HEADER_BYTES = 256 * 1024;
/** What a server may say before its answer (1xx): beyond, it says that and nothing else. */
const MOST_INTERIM = 32;
/** A server, or a client that sends to it, that is silent for longer is given up. */
const SILENCE_LIMIT_MS = 600_000;

/** A request to an origin server. */
export interface OriginOptions {
  readonly hostname: string;
  readonly port: number;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** All header fields, in order. */
  readonly fields: readonly Field[];
  /** Whether it may be sent again if a kept connection proves to be dead. */
  readonly isRepeatable: boolean;
  /** Whether it asks for a tunnel, for which it gets a connection of its own. */
  readonly isUpgrade?: boolean;
}

/** What a server answered. */
export interface OriginAnswer {
  readonly answer: http.IncomingMessage;
  /** Its connection, if it made a tunnel of it. */
  readonly upstream?: Upstream;
  /** What came through the tunnel right behind its answer. */
  readonly early: Uint8Array;
}

/**
 * Schemes that authenticate the connection, with all that comes over it afterwards, and not
 * the one request (RFC 4559, 6; MS-NTHT).
 */
const BINDING = /(?:^|,)\s*(?:ntlm|negotiate)(?:[\s,]|$)/i;

/** Whether this value of `Authorization` or `WWW-Authenticate` is about a connection. */
export function bindsConnection(value: string): boolean {
  return BINDING.test(value);
}

/** Keeps connections to servers. */
export class Origins {
  readonly #agent: OriginAgent;
  readonly #connector: Pick<Connector, "connect">;
  readonly #isOwn: boolean;

  /** `isOwn`: all requests are one client's, which may authenticate its connections. */
  constructor(connector: Pick<Connector, "connect">, { isOwn = false } = {}) {
    this.#connector = connector;
    this.#isOwn = isOwn;
    const timeout = isOwn ? OWN_IDLE_MS : IDLE_MS;
    this.#agent = new OriginAgent(connector, { keepAlive: true, timeout });
  }

  /** Ends all connections. */
  destroy(): void {
    this.#agent.destroy();
  }

  /**
   * Sends a request, whose body `send` writes and which it ends; if a kept connection
   * proves to be dead, a repeatable one is sent again. Rejects with a `DialError` if there
   * is no connection, with the signal's reason, or with Node's error.
   */
  async request(
    options: OriginOptions,
    signal: AbortSignal,
    send: (request: http.ClientRequest) => void,
  ): Promise<OriginAnswer> {
    for (;;) {
      signal.throwIfAborted();
      const request = this.#start(options, signal);
      const answered = answerOf(request, options);
      let interim = 0;
      request.on("information", () => {
        if (++interim <= MOST_INTERIM) return;
        request.destroy(new Error(`it said 1xx ${interim} times, and no answer`));
      });
      try {
        send(request);
      } catch (error) {
        request.destroy();
        answered.catch(() => {}); // what `send` threw came first
        throw error;
      }
      try {
        return await answered;
      } catch (error) {
        signal.throwIfAborted();
        const isStale = request.reusedSocket && interim === 0 &&
          !(error instanceof DialError);
        if (!isStale || !options.isRepeatable) throw error;
      }
    }
  }

  #start(options: OriginOptions, signal: AbortSignal): http.ClientRequest {
    const { hostname, port, method, path, fields, isUpgrade } = options;
    const wanted: ConnectOptions = {
      agent: isUpgrade ? new OriginAgent(this.#connector, {}) : this.#agent,
      host: hostname,
      port,
      method,
      path,
      headers: fields.flat(),
      setHost: false,
      maxHeaderSize: HEADER_BYTES,
      connectSignal: signal,
    };
    const request = http.request(wanted);
    // Deno would send any request again over a new connection, a POST as well; here it is
    // decided what may be sent twice. With this it believes to have done so.
    Object.assign(request, { _retrying: true });
    request.maxHeadersCount = 0; // else Node leaves out the last ones without a word
    const leave = () => request.destroy();
    signal.addEventListener("abort", leave, { once: true });
    request.on("close", () => signal.removeEventListener("abort", leave));
    request.on("response", ({ headers }) => {
      if (!this.#isOwn && bindsConnection(headers["www-authenticate"] ?? "")) {
        request.shouldKeepAlive = false; // it is nobody's after this
      }
    });
    request.on("socket", (duplex) => duplex.setTimeout(SILENCE_LIMIT_MS));
    return request;
  }
}

function answerOf(
  request: http.ClientRequest,
  { hostname, port }: OriginOptions,
): Promise<OriginAnswer> {
  return new Promise((resolve, reject) => {
    request.on("response", (answer) => {
      resolve({ answer, early: new Uint8Array() });
    });
    request.on("upgrade", (answer, duplex, head: Buffer) => {
      const upstream = (duplex as unknown as StreamDuplex<Upstream>).detach();
      resolve({ answer, upstream, early: head });
    });
    request.on("error", reject);
    request.on("close", () => {
      reject(new Error(`${formatTarget(hostname, port)} closed the connection`));
    });
  });
}

type ConnectOptions = http.RequestOptions & { connectSignal?: AbortSignal };

/** Without a connection at once, Node waits for the callback; its types do not say so. */
const NOT_YET = undefined as unknown as Duplex;

/** Lets Node's client connect by a connector. */
class OriginAgent extends http.Agent {
  readonly #connector: Pick<Connector, "connect">;

  constructor(connector: Pick<Connector, "connect">, options: http.AgentOptions) {
    super({ maxFreeSockets: MOST_IDLE, ...options });
    this.#connector = connector;
  }

  override createConnection(
    options: ConnectOptions,
    created: (error: Error | null, duplex: Duplex) => void,
  ): Duplex {
    const { host, port, connectSignal } = options;
    const kept = (duplex: Duplex) =>
      duplex.on("timeout", () => {
        const cause = new Error(`no byte in ${SILENCE_LIMIT_MS / 60_000} minutes`);
        const target = formatTarget(host!, Number(port));
        duplex.destroy(new DialError("timed-out", target, cause));
      });
    this.#connector.connect(host!, Number(port), connectSignal).then(
      (stream) => created(null, kept(new StreamDuplex(stream, { allowHalfOpen: false }))),
      (error) => created(error, NOT_YET),
    );
    return NOT_YET;
  }
}
