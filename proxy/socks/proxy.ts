/**
 * The SOCKS proxy, without the listener; `messages.ts` speaks with the client.
 *
 * @module
 */
import { AheadSocket } from "../edge/ahead_socket.ts";
import type { Credentials } from "../auth.ts";
import type { Connector } from "../connector.ts";
import { farewell } from "../edge/farewell.ts";
import { HandshakeError } from "./handshake_reader.ts";
import {
  failureOf,
  HANDSHAKE_LIMIT_MS,
  readSocksRequest,
  type SocksRequest,
  StrangerError,
} from "./messages.ts";
import { ReadAhead } from "../edge/read_ahead.ts";
import { SocketStream } from "../edge/stream.ts";
import { join, type Upstream } from "../upstream.ts";

/** Clients at a time whose request is not complete yet. */
const MOST_AWAITED = 4096;

/** Options of a {@linkcode SocksProxy}. */
export interface SocksProxyOptions {
  readonly connector: Pick<Connector, "connect">;
  /** User name and password of clients; without them, anyone is served. */
  readonly auth?: Credentials | undefined;
  /** Ends connections under way. */
  readonly signal: AbortSignal;
  /** Takes a warning about a client that speaks something else, with its connection. */
  readonly warn?: (message: string, socket: Deno.TcpConn) => void;
  /** Milliseconds in which a client has to complete its request, for tests. */
  readonly handshakeLimitMs?: number;
  /** Clients at a time whose request is not complete yet, for tests. */
  readonly mostAwaited?: number;
}

/** A client, and the connection made for it. */
interface Conversation {
  /** The client's socket; after the dial, with the bytes that were read meanwhile. */
  client: SocketStream;
  /** The connection made for the client. */
  upstream?: Upstream;
}

/** A SOCKS proxy. */
export class SocksProxy {
  readonly #options: SocksProxyOptions;
  /** The oldest first. */
  readonly #awaited = new Set<SocketStream>();

  constructor(options: SocksProxyOptions) {
    this.#options = options;
  }

  /**
   * Takes a client's connection; settles when the connection has ended. Never rejects.
   */
  async serve(socket: Deno.TcpConn): Promise<void> {
    const { signal } = this.#options;
    const conversation: Conversation = { client: new SocketStream(socket) };
    try {
      await this.#connect(conversation);
      const { client, upstream } = conversation;
      if (upstream) await join(client, upstream, signal);
      else await farewell(client);
    } catch { // the client left, or said nothing in time
      conversation.upstream?.reset();
      conversation.client.reset();
    }
  }

  /** Connects the client; without a connection, the client has been told so. */
  async #connect(conversation: Conversation): Promise<void> {
    const { signal } = this.#options;
    const end = () => conversation.client.reset();
    if (signal.aborted) end();
    signal.addEventListener("abort", end);
    try {
      const request = await this.#read(conversation.client);
      try {
        await this.#dial(conversation, request);
      } catch (error) {
        return await request.reply(failureOf(error));
      }
      await request.reply();
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      if (!(error instanceof StrangerError)) return;
      const message = `A client of the SOCKS proxy speaks ${error.message}`;
      this.#options.warn?.(message, conversation.client.socket);
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Connects, unless the client leaves meanwhile. */
  async #dial(
    conversation: Conversation,
    { hostname, port, early }: SocksRequest,
  ): Promise<void> {
    const { client } = conversation;
    const left = new AbortController();
    const signal = AbortSignal.any([left.signal, this.#options.signal]);
    const ahead = new ReadAhead(client, early);
    ahead.onEnd = () => {
      // Who sent something and ends its direction may still wait for an answer.
      if (ahead.ended || ahead.size === 0) left.abort(new Error("the client left"));
    };
    ahead.watch();
    try {
      conversation.upstream = await this.#options.connector.connect(
        hostname,
        port,
        signal,
      );
    } finally {
      const socket = new AheadSocket(client.socket, ahead);
      conversation.client = new SocketStream(socket);
    }
  }

  async #read(client: SocketStream): Promise<SocksRequest> {
    const limit = this.#options.handshakeLimitMs ?? HANDSHAKE_LIMIT_MS;
    const timer = setTimeout(() => client.reset(), limit);
    this.#await(client);
    try {
      return await readSocksRequest(client, this.#options.auth);
    } finally {
      clearTimeout(timer);
      this.#awaited.delete(client);
    }
  }

  /** Of too many, the oldest is ended. */
  #await(client: SocketStream): void {
    const most = this.#options.mostAwaited ?? MOST_AWAITED;
    const [oldest] = this.#awaited;
    if (oldest && this.#awaited.size >= most) {
      this.#options.warn?.(
        `${most} clients of the SOCKS proxy have not said what they want: ended the oldest`,
        oldest.socket,
      );
      this.#awaited.delete(oldest);
      oldest.reset();
    }
    this.#awaited.add(client);
  }
}
