/**
 * Rules: the wanted state of a mesh, in a single value that is swapped whole.
 *
 * They are compiled from a manifest, say nothing of how a host is reached, and never
 * change: a change compiles new rules of a higher version, and {@linkcode changes} lists
 * the differences. Plain data; hosts are named, so that each rule can be read alone.
 *
 * @module
 */

import type { Cidr } from "../wire/ip/ipv4.ts";
import type { Manifest } from "./manifest.ts";
import type { PolicyRule } from "./policy.ts";

/** The wanted state of a mesh; deeply frozen. */
export interface Rules {
  /** Orders the rules of a mesh: later rules have a greater number. */
  readonly version: number;
  /** In the manifest's order; names and VIPs are unique. */
  readonly hosts: readonly HostRule[];
  /** Published ports, by host and as the hosts are ordered. */
  readonly ports: readonly PortRule[];
  /** The last match wins. */
  readonly routes: readonly RouteRule[];
  /** Names of hosts and their aliases; unique. */
  readonly names: readonly NameRule[];
  /** Who may connect to whom: the first match counts, and where none does, anybody may. */
  readonly policy: readonly PolicyRule[];
}

/** A host of the mesh. */
export interface HostRule {
  /** Its name. */
  readonly name: string;
  /** Its virtual IPv4 address as an unsigned number. */
  readonly vip: number;
}

/** A published port: connections end at `connectHost:connectPort`. */
export interface PortRule {
  /** Name of the host that publishes the port. */
  readonly host: string;
  /** The port on the host's VIP. */
  readonly listenPort: number;
  /** A name or an address, as seen from the host. */
  readonly connectHost: string;
  /** The port there. */
  readonly connectPort: number;
  /** Always TCP so far. */
  readonly proto: "tcp";
}

/** Destinations that are reached through a host. */
export interface RouteRule {
  /** Name of the host that dials. */
  readonly via: string;
  /** Ranges of destinations. */
  readonly cidrs: readonly Cidr[];
  /** Patterns of host names. */
  readonly globs: readonly string[];
  /** Ranges within `cidrs` that the route leaves out. */
  readonly notCidrs: readonly Cidr[];
  /** Patterns of host names that the route leaves out, although they match `globs`. */
  readonly notGlobs: readonly string[];
}

/** A name that leads to a host. */
export interface NameRule {
  /** The name. */
  readonly name: string;
  /** Name of the host. */
  readonly host: string;
}

/** The differences between two rules. A host of another VIP is another host. */
export interface RuleChanges {
  readonly hosts: Difference<HostRule>;
  readonly ports: Difference<PortRule>;
  readonly routes: Difference<RouteRule>;
  /** Whether the routes that stayed stand in another order, which decides who wins. */
  readonly routesReordered: boolean;
  readonly names: Difference<NameRule>;
}

/** Entries that only the new or only the old rules have, in the order of those rules. */
export interface Difference<Rule> {
  readonly added: readonly Rule[];
  readonly removed: readonly Rule[];
}

/** Compiles the rules of a manifest. */
export function rulesOf(
  { hosts, routes, policy = [] }: Pick<Manifest, "hosts" | "routes" | "policy">,
  version = 1,
): Rules {
  return frozen({
    version,
    hosts: hosts.map(({ name, vip }) => ({ name, vip })),
    ports: hosts.flatMap(({ name: host, ports }) =>
      ports.map(({ listenPort, connectHost, connectPort, proto }) => ({
        host,
        listenPort,
        connectHost,
        connectPort,
        proto,
      }))
    ),
    routes: routes.map(({ via, cidrs, globs, notCidrs, notGlobs }) => ({
      via,
      cidrs: cidrs.map((cidr) => ({ ...cidr })),
      globs: [...globs],
      notCidrs: notCidrs.map((cidr) => ({ ...cidr })),
      notGlobs: [...notGlobs],
    })),
    names: hosts.flatMap(({ name: host, aliases }) =>
      [host, ...aliases].map((name) => ({ name, host }))
    ),
    policy: structuredClone(policy),
  });
}

/** The entries that `to` has and `from` has not, and the other way round. */
export function changes(from: Rules, to: Rules): RuleChanges {
  const routes = difference(from.routes, to.routes);
  return {
    hosts: difference(from.hosts, to.hosts),
    ports: difference(from.ports, to.ports),
    routes,
    routesReordered: !isEqual(
      without(from.routes, routes.removed),
      without(to.routes, routes.added),
    ),
    names: difference(from.names, to.names),
  };
}

/** By value; equal rules count as often as they occur. */
function difference<Rule>(
  from: readonly Rule[],
  to: readonly Rule[],
): Difference<Rule> {
  return { added: surplus(to, from), removed: surplus(from, to) };
}

/** The rules that `these` have beyond `those`. */
function surplus<Rule>(these: readonly Rule[], those: readonly Rule[]): Rule[] {
  const left = new Map<string, number>();
  for (const rule of those) {
    const key = JSON.stringify(rule);
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  return these.filter((rule) => {
    const key = JSON.stringify(rule);
    const count = left.get(key) ?? 0;
    left.set(key, count - 1);
    return count <= 0;
  });
}

function without<Rule>(rules: readonly Rule[], gone: readonly Rule[]): Rule[] {
  return rules.filter((rule) => !gone.includes(rule));
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function frozen<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null) frozen(part);
  }
  return Object.freeze(value);
}
