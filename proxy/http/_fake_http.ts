/**
 * An HTTP proxy, clients that write exact bytes, and origin servers, over loopback.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { until, within } from "../../tests/harness/scene/wait.ts";
import { type HttpMessage, readMessage, type ReadOptions } from "./_fake_http_reader.ts";
import type { Upstream } from "../upstream.ts";
import { dial } from "../edge/dial.ts";
import { HttpProxy, type HttpProxyOptions } from "./proxy.ts";
import { listen } from "../edge/listener.ts";
import { resetConnection, resetsDone } from "../edge/reset.ts";
import { SocketStream } from "../edge/stream.ts";

/** An end of a connection; bytes are text in latin1. */
export class HttpPeer {
  readonly socket: Deno.TcpConn;
  /** Everything that came. */
  got = "";
  /** How the connection ended, once read to the end. */
  end: "clean" | "reset" | undefined;
  #taken = 0;
  #isClosed = false;

  constructor(socket: Deno.TcpConn) {
    this.socket = socket;
  }

  /** Writes all of `text`. */
  async send(text: string): Promise<void> {
    const bytes = Buffer.from(text, "latin1");
    for (let at = 0; at < bytes.length;) {
      at += await this.socket.write(bytes.subarray(at));
    }
  }

  /** Reads once; false at the end. */
  async more(most = 65_536): Promise<boolean> {
    if (this.end) return false;
    const chunk = new Uint8Array(most);
    try {
      const count = await within("bytes", this.socket.read(chunk), 30_000);
      if (count !== null) {
        this.got += Buffer.from(chunk.buffer, 0, count).toString("latin1");
        return true;
      }
      this.end = "clean";
    } catch (error) {
      if (this.#isClosed || !(error instanceof Deno.errors.ConnectionReset)) throw error;
      this.end = "reset";
    }
    return false;
  }

  /** Bytes that came and were not taken yet. */
  get held(): string {
    return this.got.slice(this.#taken);
  }

  /** The next `text.length` bytes, which have to come. */
  async take(count: number): Promise<string> {
    while (this.held.length < count && await this.more());
    const taken = this.held.slice(0, count);
    this.#taken += taken.length;
    return taken;
  }

  /** All until the end; `end` tells how that was. */
  async rest(): Promise<string> {
    while (await this.more());
    return this.take(this.held.length);
  }

  /** The next whole message; throws if the connection ends before. */
  async message(options: ReadOptions = {}): Promise<HttpMessage> {
    for (;;) {
      const isEnd = this.end === "clean";
      const read = readMessage(this.got, this.#taken, { ...options, isEnd });
      if (read) {
        this.#taken = read.end;
        return read.message;
      }
      if (this.end) {
        const held = JSON.stringify(this.held.slice(0, 2000));
        throw new Error(`The message ended too soon (${this.end}): ${held}`);
      }
      await this.more();
    }
  }

  /** Ends the direction to the other end. */
  async closeWrite(): Promise<void> {
    await this.socket.closeWrite();
  }

  /** Ends the connection with a reset. */
  reset(): void {
    this.#isClosed = true;
    resetConnection(this.socket);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.socket.close();
  }
}

/** A server that does as `talk` does with each connection, which is closed afterwards. */
export class Origin implements AsyncDisposable {
  /** All connections, the oldest first. */
  readonly peers: HttpPeer[] = [];
  readonly #listener;
  readonly #talks: Promise<void>[] = [];
  /** Errors of `talk`. */
  readonly failures: unknown[] = [];

  constructor(
    talk: (peer: HttpPeer, index: number) => Promise<void>,
    hostname = "127.0.0.1",
  ) {
    const converse = async (peer: HttpPeer) => {
      try {
        await talk(peer, this.peers.indexOf(peer));
      } catch (error) {
        this.failures.push(error);
      } finally {
        peer.close();
      }
    };
    this.#listener = listen({
      hostname,
      port: 0,
      onConnection: (socket) => {
        const peer = new HttpPeer(socket);
        this.peers.push(peer);
        this.#talks.push(converse(peer));
      },
      onError: () => {},
    });
  }

  get port(): number {
    return this.#listener.address.port;
  }

  /** `host:port`. */
  get authority(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The connection with this number, once there. */
  async peer(index = 0): Promise<HttpPeer> {
    return await until(`connection ${index} of the origin`, () => this.peers[index], {
      everyMs: 2,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const peer of this.peers) peer.close();
    await this.#listener.finished;
    await within("the origin's conversations", Promise.all(this.#talks));
  }
}

/** Answers each request with `answer`, until the client leaves. */
export function answering(
  answer: string | ((request: HttpMessage, index: number) => string),
): (peer: HttpPeer) => Promise<void> {
  return async (peer) => {
    try {
      for (let index = 0;; index++) {
        const request = await peer.message();
        await peer.send(typeof answer === "string" ? answer : answer(request, index));
      }
    } catch (error) {
      if (peer.held !== "") throw error;
    }
  };
}

/** An answer with this body. */
export function plain(body: string, status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** A proxy. */
export class Scene implements AsyncDisposable {
  /** How often the proxy connected to something. */
  connects = 0;
  readonly #ending = new AbortController();
  readonly #listener;
  readonly #serving = new Set<Promise<void>>();
  readonly #clients: HttpPeer[] = [];

  constructor(options: Partial<HttpProxyOptions> = {}) {
    const connector = {
      connect: async (host: string, port: number, signal?: AbortSignal) => {
        this.connects++;
        return new SocketStream(await dial(host, port, signal)) as Upstream;
      },
    };
    const proxy = new HttpProxy({ connector, signal: this.#ending.signal, ...options });
    this.#listener = listen({
      hostname: "127.0.0.1",
      port: 0,
      onConnection: (socket) => {
        const serving = proxy.serve(socket).finally(() => this.#serving.delete(serving));
        this.#serving.add(serving);
      },
      onError: () => {},
    });
  }

  get port(): number {
    return this.#listener.address.port;
  }

  /** Clients that are served at the moment. */
  get serving(): number {
    return this.#serving.size;
  }

  /** A new client. */
  async client(): Promise<HttpPeer> {
    const peer = new HttpPeer(await dial("127.0.0.1", this.port));
    this.#clients.push(peer);
    return peer;
  }

  /** The answer to `request` on a new connection, which stays open. */
  async ask(request: string, options: ReadOptions = {}): Promise<HttpMessage> {
    const client = await this.client();
    await client.send(request);
    return await client.message(options);
  }

  /** Ends the proxy, as its host does; settles when nothing is served any more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await within("the end of all that is served", Promise.all(this.#serving), 5000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.end();
    for (const client of this.#clients) client.close();
    await this.#listener.finished;
    await resetsDone();
  }
}
