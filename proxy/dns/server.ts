/**
 * The name server of a host, over TCP: answers for the names of the mesh and asks the
 * machine's resolvers for all others, so that names behind a bastion can be asked there.
 *
 * The names of the mesh are for all. Names outside are for the host's own programs;
 * another host is told only names that `policy.ts` allows, since a name server that asks
 * others for whoever comes carries data out of hosts that have no other way out. Nor is
 * another host told an answer from outside that holds an address of the mesh: whoever
 * answers there would lead its clients to a host of his choice.
 *
 * @module
 */
import type { ByteStream } from "../edge/stream.ts";
import type { NameServerOptions } from "./conversation.ts";

/** Connections at a time; more are reset. */
const MOST_CONNECTIONS = 1024;
/** Of them, those of the same client, so that no client locks out the others. */
const MOST_OF_A_CLIENT = 128;

/** Answers DNS queries. Its modules are loaded with the first connection. */
export class NameServer {
  readonly #options: NameServerOptions;
  #connections = 0;
  readonly #ofClient = new Map<number | undefined, number>();

  /** The names may change while the server serves. */
  constructor(options: NameServerOptions) {
    this.#options = options;
  }

  /**
   * Answers the queries on `stream` until that ends, is silent for 30 s, or holds a
   * message without an id to answer to; then closes the stream. Never rejects. With 64
   * questions under way no more are read until an answer to any of them; answers go out
   * in the order they are found. `client` is the VIP of the host whose stream it is, or
   * nothing for the programs of this host; each client has 128 at the most.
   */
  async serve(stream: ByteStream, client?: number): Promise<void> {
    const others = this.#ofClient.get(client) ?? 0;
    if (this.#connections >= MOST_CONNECTIONS || others >= MOST_OF_A_CLIENT) {
      stream.reset();
      return;
    }
    this.#connections++;
    this.#ofClient.set(client, others + 1);
    try {
      const { converse } = await import("./conversation.ts");
      await converse(stream, this.#options, client);
    } catch (error) {
      stream.reset();
      this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#connections--;
      const left = this.#ofClient.get(client)! - 1;
      if (left > 0) this.#ofClient.set(client, left);
      else this.#ofClient.delete(client);
    }
  }
}
