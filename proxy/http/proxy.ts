/**
 * The HTTP proxy: CONNECT, and requests in absolute form (RFC 9110, RFC 9112).
 *
 * A client's requests are served one after the other (`service.ts`): each is read
 * (`client/request_head.ts`, strictly), admitted (`client/admission.ts`), and becomes an
 * exchange with its server (`exchange.ts`) or a tunnel (`tunnel.ts`). A server's answer
 * is read tolerantly (`origin/response_head.ts`, `origin/chunks.ts`), and written anew.
 *
 * @module
 */
import type { Credentials } from "../auth.ts";
import { LINGER_BYTES } from "../edge/farewell.ts";
import { type ByteStream, SocketStream } from "../edge/stream.ts";
import { Client, type ClientLimits } from "./client/client.ts";
import { Deadlines } from "./deadlines.ts";
import { HttpError, StrangerError } from "./error.ts";
import { EndsLikewise } from "./exchange.ts";
import type { ProxyConnector } from "./origin/origins.ts";
import { Service } from "./service.ts";

/** A header has to be complete in this time, or is answered with 408. */
const HEADER_LIMIT_MS = 20_000;
/** How long a client's connection is kept between two requests. */
const CLIENT_IDLE_MS = 60_000;
/** How long a client that ended its direction, and may have left, waits for some byte. */
const HALF_CLOSED_MS = 10_000;
/** How long a server has to say `100 Continue` before the body is sent; curl's limit. */
const CONTINUE_MS = 1000;
/** Clients at a time, tunnels aside. */
const MOST_CLIENTS = 4096;
/** How often limits are looked at. */
const CHECK_MS = 500;

/** Options of an {@linkcode HttpProxy}. */
export interface HttpProxyOptions {
  readonly connector: ProxyConnector;
  /** User name and password of clients; without them, anyone is served. */
  readonly auth?: Credentials | undefined;
  /** Ends requests and tunnels under way. */
  readonly signal: AbortSignal;
  /**
   * Told why an answer of `target` broke off in the middle: its client cannot be told.
   */
  readonly onBreak?: (target: string, why: string) => void;
  /** Takes a warning about a client that speaks something else, with its connection. */
  readonly warn?: (message: string, socket: Deno.TcpConn) => void;
  /** Told that a client was ended or turned away because there were too many. */
  readonly onFull?: (message: string) => void;
  /** Clients at a time, tunnels aside, for tests. */
  readonly mostClients?: number;
  /** Milliseconds in which a header has to be complete, for tests. */
  readonly headerLimitMs?: number;
  /** Milliseconds for which a client may wait between two requests, for tests. */
  readonly clientIdleMs?: number;
  /**
   * Milliseconds for which a client that ended its direction waits for some byte, for
   * tests.
   */
  readonly halfClosedMs?: number;
  /** Milliseconds that a server has to say `100 Continue`, for tests. */
  readonly continueMs?: number;
}

/** An HTTP proxy, without the listener. */
export class HttpProxy {
  readonly #signal: AbortSignal;
  readonly #limits: ClientLimits;
  readonly #deadlines: Deadlines;
  readonly #service: Service;
  readonly #clients = new Set<Client>();
  readonly #warn: HttpProxyOptions["warn"];
  readonly #mostClients: number;
  readonly #onFull: ((message: string) => void) | undefined;

  constructor(options: HttpProxyOptions) {
    const { connector, auth, signal, onBreak } = options;
    const headMs = options.headerLimitMs ?? HEADER_LIMIT_MS;
    const idleMs = options.clientIdleMs ?? CLIENT_IDLE_MS;
    const halfClosedMs = options.halfClosedMs ?? HALF_CLOSED_MS;
    const deadlines = new Deadlines(
      Math.min(CHECK_MS, Math.min(headMs, idleMs, halfClosedMs) / 4),
    );
    this.#signal = signal;
    this.#warn = options.warn;
    this.#mostClients = options.mostClients ?? MOST_CLIENTS;
    this.#onFull = options.onFull;
    this.#limits = { headMs, idleMs, halfClosedMs };
    this.#deadlines = deadlines;
    this.#service = new Service({
      connector,
      auth,
      signal,
      deadlines,
      halfClosedMs,
      continueMs: options.continueMs ?? CONTINUE_MS,
      onBreak,
    });
    signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** Takes a client's connection; settles when that has ended. Never rejects. */
  serve(socket: Deno.TcpConn): Promise<void> {
    return this.serveStream(new SocketStream(socket));
  }

  /** The same for any stream. */
  async serveStream(stream: ByteStream): Promise<void> {
    const client = new Client(stream, this.#limits);
    if (this.#signal.aborted) return client.reset();
    const isFull = !this.#makeRoom();
    this.#clients.add(client);
    this.#deadlines.add(client);
    try {
      if (isFull) await this.#turnAway(client);
      else await this.#serve(client);
    } catch (error) {
      // The client left, was told half of an answer, or may try again.
      if (error instanceof EndsLikewise) client.close();
      else client.reset();
    } finally {
      this.#deadlines.delete(client);
      this.#clients.delete(client);
      client.own?.destroy();
    }
  }

  /** Whether another client may be served, perhaps after ending a silent client. */
  #makeRoom(): boolean {
    if (this.#clients.size < this.#mostClients) return true;
    let count = 0;
    let awaited: Client | undefined;
    for (const client of this.#clients) {
      if (client.isTunnel) continue;
      count++;
      if (!awaited && client.isAwaited) awaited = client;
    }
    if (count < this.#mostClients) return true;
    const what = awaited ? "ended the oldest that asks for nothing" : "turned one away";
    this.#onFull?.(
      `The HTTP proxy has ${this.#mostClients} clients at a time and ${what}`,
    );
    awaited?.reset();
    return awaited !== undefined;
  }

  async #turnAway(client: Client): Promise<void> {
    const message = `This proxy has ${this.#mostClients} clients at a time; try again`;
    await client.write(new HttpError(503, message, [["Retry-After", "1"]]).toBytes());
    await client.leave(LINGER_BYTES);
  }

  async #serve(client: Client): Promise<void> {
    for (;;) {
      let next;
      let most = Infinity;
      try {
        const head = await client.next();
        next = head ? await this.#service.serve(client, head) : "last";
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        if (error instanceof StrangerError) this.#tellOf(error, client);
        await client.write(error.toBytes()); // no request: its end is unknown
        next = "last";
        most = LINGER_BYTES;
      }
      if (next === "gone") return;
      if (next === "last") return await client.leave(most);
    }
  }

  #tellOf({ speaks }: StrangerError, { stream }: Client): void {
    if (!(stream instanceof SocketStream)) return;
    const message = `A client of the HTTP proxy speaks ${speaks}, and this is the port ` +
      `for HTTP`;
    this.#warn?.(message, stream.socket);
  }

  #end(): void {
    this.#service.end();
    for (const client of this.#clients) {
      client.own?.destroy();
      client.end(new Error("the proxy ended"));
    }
  }
}
