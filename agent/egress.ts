/**
 * Egress: addresses of this machine that lead into the mesh, or behind its routes.
 *
 * A client that comes there is connected as a client of a proxy would be, so that hosts,
 * VIPs, routed names and addresses work. Several targets of one address take turns. Those
 * whose host is away or down come after all others. When a dial fails the next target is
 * tried, and when it is silent the next is tried besides it (`race.ts`), whereupon its host is
 * believed to be down; if no target is left, the client sees a reset.
 *
 * The system has accepted the client by then, as it does on all real addresses; the client's
 * first bytes wait for the target.
 *
 * @module
 */
import { parseListen } from "../manifest/listen.ts";
import type { Connector, Target } from "../proxy/connector.ts";
import type { Directory } from "../proxy/directory.ts";
import { AheadSocket } from "../proxy/edge/ahead_socket.ts";
import { DialError } from "../proxy/edge/dial.ts";
import { ReadAhead } from "../proxy/edge/read_ahead.ts";
import type { Seldom } from "../proxy/edge/seldom.ts";
import { SocketStream } from "../proxy/edge/stream.ts";
import { join, type Upstream } from "../proxy/upstream.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import type { Configuration, EgressPlan } from "./configuration.ts";
import { Clients, mostClients, tooMany } from "./client_limit.ts";
import type { InForce } from "./in_force.ts";
import type { Refused, Wanted } from "./listeners.ts";
import type { Neighbours } from "./neighbours.ts";
import { race, type RaceOptions } from "./race.ts";
import type { Tasks } from "./tasks.ts";

/** Milliseconds after which no further target is tried for a client. */
const TRIES_LIMIT_MS = 30_000;

/** Options of an {@linkcode Egress}. */
export interface EgressOptions {
  /** Opens the connections. */
  readonly connector: Pick<Connector, "connect">;
  /** Says at which host a target lies. */
  readonly inForce: Pick<InForce, "configuration">;
  /** Says which hosts are there. */
  readonly neighbours: Neighbours;
  /** Counts the work for clients. */
  readonly tasks: Pick<Tasks, "track" | "turnedAway">;
  /** Takes lines that may come often. */
  readonly seldom: Pick<Seldom, "happened">;
  /** Milliseconds after which a target is silent, in place of a second; for tests. */
  readonly slowMs?: number;
  /** Clients of an address at once, in place of {@linkcode mostClients}; for tests. */
  readonly mostClients?: number;
  /** Ends clients and their connections. */
  readonly signal: AbortSignal;
}

/** The egress rules of a host. */
export class Egress {
  readonly #options: EgressOptions;
  readonly #race: RaceOptions;
  /** Clients so far, by address; those of addresses that are gone are forgotten. */
  #turns = new Map<string, number>();
  /** Those of now, by address, likewise. */
  #clients = new Map<string, Clients>();

  /** Listens nowhere itself. */
  constructor(options: EgressOptions) {
    this.#options = options;
    this.#race = {
      connector: options.connector,
      onSlow: (target) => this.#down(target),
      onFailure: (target, error) => this.#note(target, error),
      limitMs: TRIES_LIMIT_MS,
      slowMs: options.slowMs,
    };
  }

  /** The listeners of a configuration, and those whose address is none. */
  wanted({ egress }: Configuration): (Wanted | Refused)[] {
    this.#turns = new Map(
      egress.map(({ listen }) => [listen, this.#turns.get(listen) ?? 0]),
    );
    this.#clients = new Map(
      egress.map(({ listen }) => [listen, this.#clients.get(listen) ?? new Clients()]),
    );
    return egress.map((plan) => this.#wanted(plan));
  }

  #wanted({ listen, targets }: EgressPlan): Wanted | Refused {
    const kind = "egress";
    const parsed = parseListen(listen);
    if (typeof parsed === "string") return { kind, address: listen, refusal: parsed };
    const { hostname, port } = parsed;
    const { tasks, seldom, mostClients: most = mostClients() } = this.#options;
    const clients = this.#clients.get(listen)!;
    const serve = (socket: Deno.TcpConn) => {
      if (!clients.enter(most)) {
        socket.close();
        tasks.turnedAway(kind);
        return seldom.happened(`crowd ${listen}`, `Egress: ${tooMany(listen, most)}`);
      }
      const plan = { listen, targets: this.#inTurn(listen, targets) };
      tasks.track(this.#serve(socket, plan).finally(clients.leave), kind);
    };
    return { kind, hostname, port, serve };
  }

  /** The targets in the sequence in which they are tried for the next client. */
  #inTurn(listen: string, targets: readonly Target[]): readonly Target[] {
    if (targets.length === 1) return targets;
    const there: Target[] = [];
    const absent: Target[] = [];
    for (const target of targets) (this.#isThere(target) ? there : absent).push(target);
    const turn = this.#turns.get(listen) ?? 0;
    this.#turns.set(listen, turn + 1);
    const first = turn % Math.max(1, there.length);
    return [...there.slice(first), ...there.slice(0, first), ...absent];
  }

  #isThere(target: Target): boolean {
    const vip = hostOf(target, this.#options.inForce.configuration.directory);
    return vip === undefined || this.#options.neighbours.isThere(vip);
  }

  /** No function stays suspended for as long as the connection lives. */
  #serve(socket: Deno.TcpConn, { listen, targets }: EgressPlan): Promise<void> {
    const stream = new SocketStream(socket);
    const gone = new AbortController();
    const ahead = new ReadAhead(stream);
    ahead.onEnd = () => {
      // Who has ended its direction may still wait for what the target says.
      if (ahead.ended) gone.abort(ahead.ended);
    };
    ahead.watch();
    return this.#connect(targets, gone.signal).then((upstream) => {
      const client = new SocketStream(new AheadSocket(socket, ahead));
      return join(client, upstream, this.#options.signal);
    }, (error) => {
      stream.reset();
      if (gone.signal.aborted || this.#options.signal.aborted) return;
      const what = error instanceof Error ? error.message : String(error);
      const line = `Egress: a client of ${listen} was reset: ${what}`;
      this.#options.seldom.happened(`egress ${listen}`, line);
    });
  }

  #connect(targets: readonly Target[], gone: AbortSignal): Promise<Upstream> {
    if (targets.length === 1) return this.#connectOnly(targets[0]!, gone);
    return race(targets, AbortSignal.any([gone, this.#options.signal]), this.#race);
  }

  async #connectOnly(target: Target, gone: AbortSignal): Promise<Upstream> {
    try {
      return await this.#options.connector.connect(target.hostname, target.port, gone);
    } catch (error) {
      if (!gone.aborted && !this.#options.signal.aborted) this.#note(target, error);
      throw error;
    }
  }

  /** A failed dial may say that a host is down. */
  #note(target: Target, error: unknown): void {
    if (!(error instanceof DialError) || error.failure !== "host-unreachable") return;
    this.#down(target);
  }

  #down(target: Target): void {
    const { inForce, neighbours } = this.#options;
    const vip = hostOf(target, inForce.configuration.directory);
    // Of one that is away it would be a lesser belief.
    if (vip !== undefined && neighbours.isThere(vip)) neighbours.down(vip);
  }
}

/** VIP of the host at which a target lies; undefined where that is not known or outside. */
function hostOf({ hostname }: Target, directory: Directory): number | undefined {
  const address = parseIpv4(hostname);
  const place = address === undefined
    ? directory.ofName(hostname)
    : directory.ofAddress(address);
  if (place.kind === "host") return place.address;
  return place.kind === "behind" ? place.via : undefined;
}
