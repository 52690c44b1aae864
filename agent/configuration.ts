/**
 * Configuration: everything that an agent is told to be, compiled and checked.
 *
 * It never changes. A host that is told something else gets another one, and compares the
 * two (`in_force.ts`).
 *
 * @module
 */
import type { Credentials } from "../proxy/auth.ts";
import type { Target } from "../proxy/connector.ts";
import { Directory } from "../proxy/directory.ts";
import { type ConfigureArgs, ControlError, type ExtendArgs } from "../wire/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import { publishedBy } from "./published.ts";

/** A proxy, and whom it serves. */
export interface ProxyPlan {
  /** `address:port`, not parsed yet. */
  readonly listen: string;
  /** What clients have to know; without it, anyone is served. */
  readonly auth?: Credentials;
}

/** What a host is to be. */
export interface Configuration {
  /** What it was compiled from: the arguments of `configure`, and those of `extend`. */
  readonly source: {
    readonly configure: Readonly<ConfigureArgs>;
    readonly extend: Readonly<ExtendArgs>;
  };
  /** The host's VIP, 32 bits in host order. */
  readonly me: number;
  /** What the host publishes, by port. */
  readonly forwards: ReadonlyMap<number, Target>;
  /** Port of each name server of the mesh, by VIP. */
  readonly nameServers: ReadonlyMap<number, number>;
  /** Port of the host's own name server. */
  readonly nameServerPort: number;
  /** What the other hosts publish, by VIP; nothing is an empty list. */
  readonly published: ReadonlyMap<number, readonly number[]>;
  /** What names and addresses mean, with aliases and exceptions. */
  readonly directory: Directory;
  /** Hosts, by VIP, that the name server tells all names. */
  readonly resolveFor: readonly number[] | "all";
  /** The HTTP proxy, if there is to be one. */
  readonly http?: ProxyPlan;
  /** The SOCKS proxy, if there is to be one. */
  readonly socks?: ProxyPlan;
}

/** Compiles what a manager says. Throws a {@linkcode ControlError} if it makes no sense. */
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
    resolveFor: resolveForOf(extend),
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

/** Go writes a proxy that is off as one without an address. */
function listened(proxy: ProxyPlan | undefined): ProxyPlan | undefined {
  return proxy?.listen ? proxy : undefined;
}

function addressOf(what: string, text: string): number {
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  throw new ControlError(`${what}: ${JSON.stringify(text)} is no IPv4 address`);
}
