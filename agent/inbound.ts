/**
 * Inbound: connections that other hosts ask for, to a published port, to the name server,
 * or to an address that a route leads to this host.
 *
 * The stack holds their SYN until the target was dialled, so that the answer is the target's.
 *
 * @module
 */
import type { Target } from "../proxy/connector.ts";
import type { NameServer } from "../proxy/dns/server.ts";
import { DialError, icmpCodeOf } from "../proxy/edge/dial.ts";
import type { Dials } from "../proxy/edge/dials.ts";
import { MeshStream } from "../proxy/edge/stream.ts";
import type { TcpConnection, TcpEnds } from "../stack/tcp.ts";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { Arrivals } from "./arrivals.ts";
import type { InForce } from "./in_force.ts";
import { join } from "./join.ts";
import type { Tasks } from "./tasks.ts";

/** Options of an {@linkcode Inbound}. */
export interface InboundOptions {
  /** Says where each connection leads. */
  readonly inForce: InForce;
  /** Answers questions of other hosts. */
  readonly nameServer: NameServer;
  /** Counts the work for connections. */
  readonly tasks: Tasks;
  /** Dials the targets. */
  readonly dials: Dials;
  /** Ends dials under way. */
  readonly signal: AbortSignal;
}

/** Serves other hosts. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #arrivals = new Arrivals();

  /** Serves from the first call of {@linkcode Inbound.serve} on. */
  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** Takes a connection that another host asks for. */
  serve(connection: TcpConnection): void {
    const { remoteAddress } = connection.ends;
    this.#arrivals.add(
      remoteAddress,
      () => this.#options.tasks.track(this.#serve(connection), "inbound"),
    );
  }

  #serve(connection: TcpConnection): Promise<void> {
    const { configuration } = this.#options.inForce;
    const { localAddress, localPort } = connection.ends;
    if (
      localAddress === configuration.me && localPort === configuration.nameServerPort &&
      !configuration.forwards.has(localPort)
    ) return this.#answer(connection);
    return this.#dial(connection).then((socket) => socket && join(socket, connection));
  }

  /** The target of a connection, which is accepted; undefined if it had to be refused. */
  async #dial(connection: TcpConnection): Promise<Deno.TcpConn | undefined> {
    const target = this.#targetOf(connection.ends);
    if (target === undefined) return void connection.refuse();
    if (target === "prohibited") return void connection.refuse(icmpCodeOf(target));
    const gaveUp = new AbortController();
    connection.onFailure = () => gaveUp.abort();
    if (connection.failure) return void connection.refuse();
    const signal = AbortSignal.any([gaveUp.signal, this.#options.signal]);
    try {
      const { hostname, port } = target;
      const socket = await this.#options.dials.dial(hostname, port, signal);
      connection.accept();
      return socket;
    } catch (error) {
      if (!(error instanceof DialError)) throw error;
      connection.refuse(icmpCodeOf(error.failure));
    }
  }

  #targetOf(
    { localAddress, localPort }: TcpEnds,
  ): Target | "prohibited" | undefined {
    const { configuration, foreign } = this.#options.inForce;
    if (localAddress === configuration.me) return configuration.forwards.get(localPort);
    if (!foreign.allows(localAddress)) return "prohibited";
    return { hostname: formatIpv4(localAddress), port: localPort };
  }

  /** A question of a name. */
  async #answer(connection: TcpConnection): Promise<void> {
    connection.accept();
    try {
      await connection.opened();
    } catch {
      return connection.release();
    }
    const { remoteAddress } = connection.ends;
    await this.#options.nameServer.serve(new MeshStream(connection), remoteAddress);
  }
}
