/**
 * A proxy of either kind on loopback, and its clients.
 *
 * @module
 */
import { within } from "../tests/harness/scene/wait.ts";
import { dial } from "./edge/dial.ts";
import { listen } from "./edge/listener.ts";
import { resetsDone } from "./edge/reset.ts";
import { HttpPeer } from "./http/_fake_http_peer.ts";

interface Proxy {
  serve(socket: Deno.TcpConn): Promise<void>;
}

/** A proxy that listens on loopback until disposed of, and its clients. */
export class ProxyScene implements AsyncDisposable {
  readonly #ending = new AbortController();
  readonly #listener;
  readonly #serving = new Set<Promise<void>>();
  readonly #clients: HttpPeer[] = [];

  /** `proxyOf` makes the proxy, which ends with `signal`. */
  constructor(proxyOf: (signal: AbortSignal) => Proxy) {
    const proxy = proxyOf(this.#ending.signal);
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
