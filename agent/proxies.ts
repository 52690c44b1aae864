/**
 * Proxies: the HTTP and the SOCKS proxy of a host, for its clients.
 *
 * The HTTP proxy is loaded with its first client. Another password makes another proxy;
 * clients that are connected already stay with the proxy before.
 *
 * @module
 */
import { parseListen } from "../manifest/listen.ts";
import type { Connector } from "../proxy/connector.ts";
import { resetConnection } from "../proxy/edge/reset.ts";
import type { Seldom } from "../proxy/edge/seldom.ts";
import type { HttpProxy } from "../proxy/http/proxy.ts";
import { SocksProxy } from "../proxy/socks/proxy.ts";
import { formatHostPort } from "../wire/text.ts";
import type { Configuration, ProxyPlan } from "./configuration.ts";
import type { Refused, Wanted } from "./listeners.ts";
import type { Tasks } from "./tasks.ts";

/** Options of {@linkcode Proxies}. */
export interface ProxiesOptions {
  /** Opens the connections that clients ask for. */
  readonly connector: Connector;
  /** Counts the work for clients. */
  readonly tasks: Tasks;
  /** Takes a line of text for people. */
  readonly warn: (message: string) => void;
  /** Takes lines that may come often. */
  readonly seldom: Seldom;
  /** Ends clients and their connections. */
  readonly signal: AbortSignal;
}

type Kind = "http" | "socks";
type Serve = (socket: Deno.TcpConn) => Promise<void>;

/** The proxies of a host. */
export class Proxies {
  readonly #options: ProxiesOptions;
  /** The proxy of each kind, and its credentials. */
  readonly #serving = new Map<Kind, { readonly plan: string; readonly serve: Serve }>();

  /** Listens nowhere itself. */
  constructor(options: ProxiesOptions) {
    this.#options = options;
  }

  /** The listeners of a configuration, and those whose address is none. */
  wanted({ http, socks }: Configuration): (Wanted | Refused)[] {
    return [
      ...(http ? [this.#wanted("http", http)] : []),
      ...(socks ? [this.#wanted("socks", socks)] : []),
    ];
  }

  #wanted(kind: Kind, plan: ProxyPlan): Wanted | Refused {
    const parsed = parseListen(plan.listen);
    if (typeof parsed === "string") {
      return { kind, address: plan.listen, refusal: parsed };
    }
    const { hostname, port } = parsed;
    const serve = this.#serve(kind, plan);
    const tracked = (socket: Deno.TcpConn) =>
      this.#options.tasks.track(serve(socket), kind);
    return { kind, hostname, port, serve: tracked };
  }

  #serve(kind: Kind, { auth }: ProxyPlan): Serve {
    const plan = JSON.stringify(auth ?? null);
    const known = this.#serving.get(kind);
    if (known?.plan === plan) return known.serve;
    const serve = kind === "http" ? this.#http(auth) : this.#socks(auth);
    this.#serving.set(kind, { plan, serve });
    return serve;
  }

  #http(auth: ProxyPlan["auth"]): Serve {
    const { connector, signal, seldom, warn } = this.#options;
    const load = async () => {
      const { HttpProxy } = await import("../proxy/http/proxy.ts");
      return new HttpProxy({
        connector,
        auth,
        signal,
        onBreak: (target, why) =>
          seldom.happened(
            "break",
            `The HTTP proxy had to break off an answer of ${target}: ${why}`,
          ),
        onFull: (message) => seldom.happened("full", message),
        warn: (message, socket) =>
          seldom.happened("http", `${message}: ${endsOf(socket)}`),
      });
    };
    let proxy: Promise<HttpProxy> | undefined;
    return async (socket) => {
      try {
        await (await (proxy ??= load())).serve(socket);
      } catch (error) {
        proxy = undefined;
        resetConnection(socket);
        warn(`The HTTP proxy cannot be loaded: ${error}`);
      }
    };
  }

  #socks(auth: ProxyPlan["auth"]): Serve {
    const { connector, signal, seldom } = this.#options;
    const proxy = new SocksProxy({
      connector,
      auth,
      signal,
      warn: (message: string, socket: Deno.TcpConn) =>
        seldom.happened("socks", `${message}: ${endsOf(socket)}`),
    });
    return (socket) => proxy.serve(socket);
  }
}

/** The two ends of a client's connection, for people. */
function endsOf({ remoteAddr: from, localAddr: to }: Deno.TcpConn): string {
  return `from ${formatHostPort(from.hostname, from.port)} ` +
    `to ${formatHostPort(to.hostname, to.port)}`;
}
