/**
 * Routing table: which host gets the packets for an address.
 *
 * In this order: the host whose VIP matches; the suggestion of the sending agent itself;
 * the ranges of the manifest's routes, the last match first, where a route does not match
 * its exceptions. A suggestion counts only for its own agent, only towards a host that
 * some route names, and never for a VIP: otherwise any host could claim any address.
 *
 * For TCP beyond the VIPs the table is asked at the SYN only, see `flows.ts`.
 *
 * @module
 */

import { type Cidr, contains } from "../wire/ip/ipv4.ts";
import { Suggestions } from "./suggestions.ts";

/** A host of the mesh. */
export interface TableHost {
  /** Its name, unique. */
  readonly name: string;
  /** Its VIP, unique. */
  readonly vip: number;
}

/** A route of the manifest. */
export interface TableRoute {
  /** Name of the host that dials. */
  readonly via: string;
  /** Ranges that match; empty for a route that has only patterns of host names. */
  readonly cidrs: readonly Cidr[];
  /** Ranges that do not match, although they lie in `cidrs`. */
  readonly notCidrs?: readonly Cidr[];
}

/** Options of a {@linkcode RoutingTable}. */
export interface TableOptions {
  /** Suggestions of the table before; those that count no more are forgotten. */
  readonly suggestions?: Suggestions;
}

/** Decides by address alone; knows nothing of links and of presence. */
export class RoutingTable {
  /** VIP to name. */
  readonly #vips = new Map<number, string>();
  /** Name to VIP. */
  readonly #names = new Map<string, number>();
  /** The last of the manifest first. */
  readonly #routes: readonly TableRoute[];
  readonly #vias: ReadonlySet<string>;
  readonly #suggestions: Suggestions;

  /** Makes a table from the manifest's hosts and routes, in its order. */
  constructor(
    hosts: Iterable<TableHost>,
    routes: readonly TableRoute[] = [],
    { suggestions = new Suggestions() }: TableOptions = {},
  ) {
    for (const { name, vip } of hosts) {
      this.#vips.set(vip, name);
      this.#names.set(name, vip);
    }
    this.#routes = routes.toReversed();
    this.#vias = new Set(routes.map(({ via }) => via));
    this.#suggestions = suggestions;
    suggestions.keep((name) => this.#names.has(name), (name) => this.#vias.has(name));
  }

  /** Name of the host that gets packets of `from` to `address`, if any. */
  lookup(from: string, address: number): string | undefined {
    return this.#vips.get(address) ?? this.suggested(from, address) ??
      this.behind(address);
  }

  /**
   * Name of the host that the agent of `from` has suggested for the foreign `address`.
   */
  suggested(from: string, address: number): string | undefined {
    return this.#suggestions.of(from, address);
  }

  /** The names by which the agent of `from` suggested a host for `address`. */
  namesOf(from: string, address: number): readonly string[] {
    return this.#suggestions.namesOf(from, address);
  }

  /** Name of the host whose range the foreign `address` lies in. */
  behind(address: number): string | undefined {
    for (const route of this.#routes) {
      if (matches(route, address)) return route.via;
    }
    return undefined;
  }

  /** Name of the host whose VIP `address` is; any other address is foreign. */
  ownerOf(address: number): string | undefined {
    return this.#vips.get(address);
  }

  /** The VIP of `host`. */
  vipOf(host: string): number | undefined {
    return this.#names.get(host);
  }

  /** Whether some route leads to `host`. */
  isVia(host: string): boolean {
    return this.#vias.has(host);
  }

  /**
   * Whether a range that leads to `host` has `address`, even if a later route has
   * `address` too.
   */
  isBehind(host: string, address: number): boolean {
    for (const route of this.#routes) {
      if (route.via === host && matches(route, address)) return true;
    }
    return false;
  }

  /**
   * Takes a suggestion of the agent of `from`: packets to `addresses` go to the host with
   * the VIP `route`, since `names` led there. Returns how many of them count, by the rules
   * above.
   */
  learn(
    from: string,
    addresses: Iterable<number>,
    route: number,
    names: readonly string[] = [],
  ): number {
    const via = this.#vips.get(route);
    if (via === undefined || !this.#vias.has(via) || !this.#names.has(from)) return 0;
    let count = 0;
    for (const address of addresses) {
      if (this.#vips.has(address)) continue;
      this.#suggestions.add(from, address, { via, names });
      count++;
    }
    return count;
  }

  /** Forgets the suggestions of the agent of `from`, when that agent is gone. */
  forget(from: string): void {
    this.#suggestions.forget(from);
  }
}

function matches({ cidrs, notCidrs }: TableRoute, address: number): boolean {
  return isAmong(cidrs, address) &&
    (notCidrs === undefined || !isAmong(notCidrs, address));
}

function isAmong(cidrs: readonly Cidr[], address: number): boolean {
  for (const cidr of cidrs) {
    if (contains(cidr, address)) return true;
  }
  return false;
}
