/** The SOCKS proxy, without the listener; `socks.ts` speaks with the client. */
import type { Credentials } from "./auth.ts";
import { type Connector, join, type Upstream } from "./connector.ts";
import { farewell } from "./farewell.ts";
import { HandshakeError } from "./handshake_reader.ts";
import {
  failureOf,
  HANDSHAKE_LIMIT_MS,
  readSocksRequest,
  type SocksRequest,
} from "./socks.ts";
import { ReadAhead } from "./read_ahead.ts";
import { SocketStream } from "./stream.ts";

/** Options of a {@linkcode SocksProxy}. */
export interface SocksProxyOptions {
  readonly connector: Pick<Connector, "connect">;
  /** What clients have to know; without it, anyone is served. */
  readonly auth?: Credentials | undefined;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Milliseconds in which a client has to say what it wants, for tests. */
  readonly handshakeLimitMs?: number;
}

/** A SOCKS proxy. */
export class SocksProxy {
  readonly #options: SocksProxyOptions;

  constructor(options: SocksProxyOptions) {
    this.#options = options;
  }

  /** Takes a client's connection; settles when it has ended. Never rejects. */
  async serve(socket: Deno.TcpConn): Promise<void> {
    const { signal } = this.#options;
    const client = new SocketStream(socket);
    let upstream: Upstream | undefined;
    try {
      upstream = await this.#connect(client);
      if (upstream) await join(client, upstream, signal);
      else await farewell(client);
    } catch { // the client left, or said nothing in time
      upstream?.reset();
      client.reset();
    }
  }

  /** Does what the client asks for; without a connection, it has been told so. */
  async #connect(client: SocketStream): Promise<Upstream | undefined> {
    const { signal } = this.#options;
    const end = () => client.reset();
    if (signal.aborted) end();
    signal.addEventListener("abort", end);
    let upstream: Upstream | undefined;
    try {
      const request = await this.#read(client);
      try {
        upstream = await this.#dial(client, request);
      } catch (error) {
        await request.reply(failureOf(error));
        return undefined;
      }
      await request.reply();
      return upstream;
    } catch (error) {
      upstream?.reset();
      if (error instanceof HandshakeError) return undefined;
      throw error;
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Connects, unless the client leaves meanwhile. */
  async #dial(
    client: SocketStream,
    { hostname, port, early }: SocksRequest,
  ): Promise<Upstream> {
    const left = new AbortController();
    const signal = AbortSignal.any([left.signal, this.#options.signal]);
    const ahead = new ReadAhead(client.socket, early, (error) => left.abort(error));
    try {
      return await this.#options.connector.connect(hostname, port, signal);
    } finally {
      ahead.giveBack();
    }
  }

  async #read(client: SocketStream): Promise<SocksRequest> {
    const limit = this.#options.handshakeLimitMs ?? HANDSHAKE_LIMIT_MS;
    const timer = setTimeout(() => client.reset(), limit);
    try {
      return await readSocksRequest(client, this.#options.auth);
    } finally {
      clearTimeout(timer);
    }
  }
}
