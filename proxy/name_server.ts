/**
 * The name server of a host, over TCP: it knows the names of the mesh and asks the
 * machine's resolvers for all others, so that what is behind a bastion can be asked there.
 */
import type { Resolver } from "./dns_resolver.ts";
import type { ByteStream } from "./stream.ts";

/** Connections at a time; one more is reset. */
const MOST_CONNECTIONS = 1024;
/** Of them, those of one client, so that it cannot lock out the others. */
const MOST_OF_A_CLIENT = 128;

/** Options of a {@linkcode NameServer}. */
export interface NameServerOptions {
  /** Hosts and aliases of the mesh, in lower case without a trailing dot, to address. */
  readonly names: ReadonlyMap<string, number>;
  /** Answers all other questions. */
  readonly upstream: Resolver;
  /**
   * Told which IPv4 addresses `upstream` has for a name (lower case), before the client is.
   * They may be any, the loopback's as well: the hosts file has `localhost`.
   */
  readonly onResolved?: (name: string, addresses: readonly number[]) => void;
  /** Told what no client is to blame for, such as a module that could not be loaded. */
  readonly onError?: (error: Error) => void;
  /** How long a connection may say nothing, in milliseconds; 30 000 if it is not said. */
  readonly idleLimitMs?: number;
}

/** Answers DNS queries. What it takes for that is loaded with the first connection. */
export class NameServer {
  readonly #options: NameServerOptions;
  #connections = 0;
  readonly #ofClient = new Map<string | number, number>();

  /** The names may change while it serves. */
  constructor(options: NameServerOptions) {
    this.#options = options;
  }

  /**
   * Answers the queries on `stream` until it ends, is silent for 30 s, or holds a message
   * without an id to answer to; then closes it. Never rejects. With 64 questions under way it waits with
   * reading until one is answered; answers go out in the order they are found. `client` is
   * whose stream it is; one client has 128 at the most.
   */
  async serve(stream: ByteStream, client: string | number = ""): Promise<void> {
    const others = this.#ofClient.get(client) ?? 0;
    if (this.#connections >= MOST_CONNECTIONS || others >= MOST_OF_A_CLIENT) {
      stream.reset();
      return;
    }
    this.#connections++;
    this.#ofClient.set(client, others + 1);
    try {
      const { converse } = await import("./name_conversation.ts");
      await converse(stream, this.#options);
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
