/**
 * Configuration: the orders of a manager to an agent, compiled and checked.
 *
 * Configurations are immutable. A host that gets other orders gets another configuration, and
 * compares the two (`in_force.ts`).
 *
 * @module
 */
import type { Credentials } from "../proxy/auth.ts";
import type { Target } from "../proxy/connector.ts";
import { Directory } from "../proxy/directory.ts";
import {
  type ConfigureArgs,
  ControlError,
  type ExtendArgs,
} from "../wire/control/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import { publishedBy } from "./published.ts";

/** A proxy and its clients. */
export interface ProxyPlan {
  /** `address:port`, not parsed yet. */
  readonly listen: string;
  /** Credentials of its clients; absent where anyone is served. */
  readonly auth?: Credentials;
}

/** An address that leads into the mesh, and its targets. */
export interface EgressPlan {
  /** `address:port`, not parsed yet. */
  readonly listen: string;
  /** At least one; they take turns. */
  readonly targets: readonly Target[];
}

/** The orders that a host goes by. */
export interface Configuration {
  /** The source: the arguments of `configure`, and those of `extend`. */
  readonly source: {
    readonly configure: Readonly<ConfigureArgs>;
    readonly extend: Readonly<ExtendArgs>;
  };
  /** Whether the manager wants the names that led to routed addresses. */
  readonly tellsNames: boolean;
  /** The host's VIP, 32 bits in host order. */
  readonly me: number;
  /** Targets of the ports that the host publishes, by port. */
  readonly forwards: ReadonlyMap<number, Target>;
  /** Port of each name server of the mesh, by VIP. */
  readonly nameServers: ReadonlyMap<number, number>;
  /** Port of the host's own name server. */
  readonly nameServerPort: number;
  /** Ports that the other hosts publish, by VIP; an empty list for a host without. */
  readonly published: ReadonlyMap<number, readonly number[]>;
  /** Where names and addresses lead, with aliases and exceptions. */
  readonly directory: Directory;
  /** Hosts, by VIP, that the name server tells all names. */
  readonly resolveFor: readonly number[] | "all";
  /** The HTTP proxy; absent where there is none. */
  readonly http?: ProxyPlan;
  /** The SOCKS proxy; absent where there is none. */
  readonly socks?: ProxyPlan;
  /** Addresses that lead into the mesh; each once. */
  readonly egress: readonly EgressPlan[];
}

/** Compiles a manager's orders. Throws a {@linkcode ControlError} if they make no sense. */
export function configurationOf(
  configure: ConfigureArgs,
  extend: ExtendArgs = {},
): Configuration {
  const me = addressOf("me", configure.me);
  for (const { ip } of configure.others) addressOf("others", ip);
  const nameServers = new Map(
    configure.nameServers?.map(({ ip, port }) => [addressOf("nameServers", ip), port]),
  );
  const http = extend.http ?? listened(configure.http);
  const socks = extend.socks ?? listened(configure.socks);
  return {
    source: { configure, extend },
    me,
    forwards: new Map(configure.forwards.map((forward) => [
      forward.listen_port,
      { hostname: forward.connect_ip, port: forward.connect_port },
    ])),
    nameServers,
    nameServerPort: nameServers.get(me) ?? NAME_SERVER_PORT,
    published: publishedBy(configure),
    directory: directoryOf(me, configure, extend),
    tellsNames: configure.tellNames ?? false,
    resolveFor: resolveForOf(extend),
    egress: egressOf(extend),
    ...(http && { http }),
    ...(socks && { socks }),
  };
}

function directoryOf(
  me: number,
  { hostnameMap, routes = [] }: ConfigureArgs,
  { aliases, exceptions = [] }: ExtendArgs,
): Directory {
  const directory = new Directory({ me, names: hostnameMap, routes });
  if (aliases) directory.aliases(aliases);
  for (const { route, hostnames } of exceptions) directory.except(route, hostnames);
  return directory;
}

function resolveForOf({ resolveFor = [] }: ExtendArgs): readonly number[] | "all" {
  if (resolveFor.includes("*")) return "all";
  return resolveFor.map((vip) => addressOf("resolveFor", vip));
}

function egressOf({ egress = [] }: ExtendArgs): EgressPlan[] {
  const rules = Map.groupBy(egress, ({ listen }) => listen);
  return [...rules].map(([listen, targets]) => ({
    listen,
    targets: targets.map(({ connect_host: hostname, connect_port: port }) => {
      return { hostname, port };
    }),
  }));
}

/** NoRouter, in Go, writes a proxy that is off with an empty address. */
function listened(proxy: ProxyPlan | undefined): ProxyPlan | undefined {
  return proxy?.listen ? proxy : undefined;
}

function addressOf(what: string, text: string): number {
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  throw new ControlError(`${what}: ${JSON.stringify(text)} is no IPv4 address`);
}
