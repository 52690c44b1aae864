/**
 * Outbound: the ports of the mesh on real addresses of this machine, for its own programs,
 * and the connections that come there.
 *
 * @module
 */
import type { Target } from "../proxy/connector.ts";
import type { NameServer } from "../proxy/dns/server.ts";
import type { Dials } from "../proxy/edge/dials.ts";
import { resetConnection } from "../proxy/edge/reset.ts";
import { relay } from "../proxy/edge/relay.ts";
import { SocketStream } from "../proxy/edge/stream.ts";
import type { TcpConnection } from "../stack/tcp.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { formatHostPort } from "../wire/text.ts";
import type { Seldom } from "../proxy/edge/seldom.ts";
import { Clients, mostClients, tooMany } from "./client_limit.ts";
import type { Configuration } from "./configuration.ts";
import { join } from "./join.ts";
import type { Wanted } from "./listeners.ts";
import type { LivingStack } from "./living_stack.ts";
import { isServedBy } from "./published.ts";
import type { Tasks } from "./tasks.ts";

/** Options of an {@linkcode Outbound}. */
export interface OutboundOptions {
  /** The host's VIP. */
  readonly me: number;
  /** Leads to the other hosts. */
  readonly stack: LivingStack;
  /** Answers questions of this machine's programs. */
  readonly nameServer: NameServer;
  /** Counts the work for connections. */
  readonly tasks: Tasks;
  /** Dials the targets of this host's own ports. */
  readonly dials: Dials;
  /** Takes lines that may come often. */
  readonly seldom: Pick<Seldom, "happened">;
  /** Takes a line of text for people. */
  readonly warn: (message: string) => void;
  /** Ends connections that stay on this machine. */
  readonly signal: AbortSignal;
}

/** Serves this machine's programs. */
export class Outbound {
  readonly #options: OutboundOptions;
  /** Clients of this host's ports, by port. */
  readonly #clients = new Map<number, Clients>();

  /** Listens nowhere itself. */
  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  /**
   * The listeners of a configuration: this host's ports, the others', the name servers. Where
   * a host publishes the port of its name server, that port is the published one.
   */
  wanted({ source, forwards, nameServers }: Configuration): Wanted[] {
    const { me, others, loopback } = source.configure;
    if (loopback?.disable) return [];
    const ports = [
      ...forwards.entries().map(([port, target]) => this.#own(me, port, target)),
      ...others.map(({ ip, port }) => this.#other(ip, port)),
    ];
    const published = new Set(
      ports.map(({ hostname, port }) => formatHostPort(hostname, port)),
    );
    const names = nameServers.entries()
      .map(([address, port]) => this.#names(address, port))
      .filter(({ hostname, port }) => !published.has(formatHostPort(hostname, port)));
    return [...ports, ...names];
  }

  #own(hostname: string, port: number, target: Target): Wanted {
    const clients = this.#clients.get(port) ?? new Clients();
    this.#clients.set(port, clients);
    const most = mostClients();
    const serve = (socket: Deno.TcpConn) => {
      if (clients.enter(most)) return this.#relay(socket, target).finally(clients.leave);
      socket.close();
      this.#options.tasks.turnedAway("loopback");
      const line = tooMany(formatHostPort(hostname, port), most);
      this.#options.seldom.happened(`crowd ${port}`, `Published port: ${line}`);
      return Promise.resolve();
    };
    return {
      ...this.#wanted({ hostname, port }, serve),
      isServed: () => isServedBy(target, { hostname, port }),
    };
  }

  #other(hostname: string, port: number): Wanted {
    const address = parseIpv4(hostname)!;
    return this.#wanted(
      { hostname, port },
      (socket) => this.#connect(socket, address, port),
    );
  }

  #names(address: number, port: number): Wanted {
    const serve = address === this.#options.me
      ? (socket: Deno.TcpConn) => this.#answer(socket)
      : (socket: Deno.TcpConn) => this.#connect(socket, address, port);
    const hostname = formatIpv4(address);
    return this.#wanted({ hostname, port }, serve, "dns");
  }

  #wanted(
    at: Target,
    serve: (socket: Deno.TcpConn) => Promise<void>,
    kind: "loopback" | "dns" = "loopback",
  ): Wanted {
    const { tasks } = this.#options;
    const tracked = (socket: Deno.TcpConn) => tasks.track(serve(socket), kind);
    return { kind, ...at, serve: tracked };
  }

  /** A port of this very host: the stack carries no traffic that stays here. */
  async #relay(socket: Deno.TcpConn, target: Target): Promise<void> {
    const { signal, dials } = this.#options;
    let other: Deno.TcpConn;
    try {
      other = await dials.dial(target.hostname, target.port, signal);
    } catch {
      return resetConnection(socket);
    }
    await relay(socket, other, signal);
  }

  /** A port of another host. */
  #connect(socket: Deno.TcpConn, address: number, port: number): Promise<void> {
    const { stack, warn } = this.#options;
    let connection: TcpConnection;
    try {
      connection = stack.connect(address, port);
    } catch (error) {
      resetConnection(socket);
      warn(`Cannot connect to port ${port}: ${(error as Error).message}`);
      return Promise.resolve();
    }
    return join(socket, connection);
  }

  /** A question of a program: of this host, unless others can reach the VIP. */
  async #answer(socket: Deno.TcpConn): Promise<void> {
    const { me, nameServer } = this.#options;
    const { hostname } = socket.remoteAddr as Deno.NetAddr;
    const client = parseIpv4(hostname);
    const isOwn = client !== undefined && (client >>> 24 === 127 || client === me);
    await nameServer.serve(new SocketStream(socket), isOwn ? undefined : client ?? 0);
  }
}
