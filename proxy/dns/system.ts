/**
 * All that this machine knows of names: its hosts file, then its DNS servers, with a
 * cache.
 *
 * @module
 */
import type { Resolver } from "./resolver.ts";
import type { ServerResolverOptions } from "./upstream.ts";

/** Options of a {@linkcode SystemResolver}. */
export interface SystemResolverOptions extends ServerResolverOptions {
  /** The hosts file; the system's if not given. */
  readonly hosts?: string;
}

/** Resolves as the system does. Its modules are loaded with the first query. */
export class SystemResolver implements Resolver {
  readonly #options: SystemResolverOptions;
  #resolver: Promise<Resolver> | undefined;

  /** Nothing is read or asked yet. */
  constructor(options: SystemResolverOptions = {}) {
    this.#options = options;
  }

  async ask(query: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    this.#resolver ??= this.#load();
    return (await this.#resolver).ask(query);
  }

  async #load(): Promise<Resolver> {
    const [{ HostsResolver }, { CachingResolver }, { ServerResolver }] = await Promise
      .all([
        import("./hosts.ts"),
        import("./cache.ts"),
        import("./upstream.ts"),
      ]);
    const servers = new ServerResolver(this.#options);
    return new HostsResolver(new CachingResolver(servers), this.#options.hosts);
  }
}
