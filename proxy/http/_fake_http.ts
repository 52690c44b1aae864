/**
 * An HTTP proxy and origin servers, over loopback.
 *
 * @module
 */
import { until, within } from "../../tests/harness/scene/wait.ts";
import { HttpPeer } from "./_fake_http_peer.ts";
import type { HttpMessage, ReadOptions } from "./_fake_http_reader.ts";
import type { Upstream } from "../upstream.ts";
import { ProxyScene } from "../_proxy_scene.ts";
import { dial } from "../edge/dial.ts";
import { HttpProxy, type HttpProxyOptions } from "./proxy.ts";
import { listen } from "../edge/listener.ts";
import { SocketStream } from "../edge/stream.ts";

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

/** An HTTP proxy that dials loopback directly, and its clients. */
export class Scene extends ProxyScene {
  /** How often the proxy connected to something. */
  connects = 0;

  constructor(options: Partial<HttpProxyOptions> = {}) {
    const connect = async (host: string, port: number, signal?: AbortSignal) => {
      this.connects++;
      return new SocketStream(await dial(host, port, signal)) as Upstream;
    };
    super((signal) => new HttpProxy({ connector: { connect }, signal, ...options }));
  }

  /** The answer to `request` on a new connection, which stays open. */
  async ask(request: string, options: ReadOptions = {}): Promise<HttpMessage> {
    const client = await this.client();
    await client.send(request);
    return await client.message(options);
  }
}
