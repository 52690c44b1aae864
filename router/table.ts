/**
 * Routing table: which host gets the packets for an address.
 *
 * In this order: the host whose VIP it is; what the sending agent itself suggested; the
 * ranges of the manifest's routes, the last match first. A suggestion counts only for
 * the agent that made it, only towards a host that some route names, and never for a
 * VIP: otherwise any host could claim any address.
 *
 * @module
 */

import { type Cidr, contains } from "../wire/ipv4.ts";

/** Suggested addresses remembered per agent; the oldest is forgotten first. */
export const LEARNT_LIMIT = 512;

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
  /** Ranges it is for; empty for a route that has only patterns of host names. */
  readonly cidrs: readonly Cidr[];
}

/** Decides by address alone; knows nothing of links and of what is up. */
export class RoutingTable {
  /** VIP to name. */
  readonly #vips = new Map<number, string>();
  /** Ranges and the host they lead to, the last of the manifest first. */
  readonly #ranges: { readonly cidr: Cidr; readonly via: string }[] = [];
  readonly #vias: ReadonlySet<string>;
  /** Per sending host: suggested address to name, the oldest first. */
  readonly #learnt = new Map<string, Map<number, string>>();

  /** Makes a table from the manifest's hosts and routes, in its order. */
  constructor(hosts: Iterable<TableHost>, routes: readonly TableRoute[] = []) {
    for (const { name, vip } of hosts) this.#vips.set(vip, name);
    for (const { via, cidrs } of routes.toReversed()) {
      for (const cidr of cidrs) this.#ranges.push({ cidr, via });
    }
    this.#vias = new Set(routes.map(({ via }) => via));
  }

  /** Name of the host that gets what `from` sends to `address`, if there is one. */
  lookup(from: string, address: number): string | undefined {
    const host = this.#vips.get(address) ?? this.#learnt.get(from)?.get(address);
    if (host !== undefined) return host;
    for (const { cidr, via } of this.#ranges) {
      if (contains(cidr, address)) return via;
    }
    return undefined;
  }

  /** Whether `host` may send from `address`: its VIP, or an address that leads to it. */
  isSource(host: string, address: number): boolean {
    const owner = this.#vips.get(address);
    if (owner !== undefined) return owner === host;
    if (!this.#vias.has(host)) return false;
    for (const { cidr, via } of this.#ranges) {
      if (via === host && contains(cidr, address)) return true;
    }
    for (const learnt of this.#learnt.values()) {
      if (learnt.get(address) === host) return true;
    }
    return false;
  }

  /**
   * Takes a suggestion of the agent of `from`: packets to `addresses` go to the host with
   * the VIP `route`. Returns how many of them count, by the rules above.
   */
  learn(from: string, addresses: Iterable<number>, route: number): number {
    const via = this.#vips.get(route);
    if (via === undefined || !this.#vias.has(via)) return 0;
    const learnt = this.#learnt.get(from) ?? new Map<number, string>();
    this.#learnt.set(from, learnt);
    let count = 0;
    for (const address of addresses) {
      if (this.#vips.has(address)) continue;
      learnt.delete(address); // so that it is the youngest again
      learnt.set(address, via);
      if (learnt.size > LEARNT_LIMIT) learnt.delete(learnt.keys().next().value!);
      count++;
    }
    return count;
  }

  /** Forgets what the agent of `from` suggested, when it is gone. */
  forget(from: string): void {
    this.#learnt.delete(from);
  }

  /** The ranges that the manifest's routes lead to `host`. */
  rangesVia(host: string): Cidr[] {
    return this.#ranges.filter(({ via }) => via === host).map(({ cidr }) => cidr);
  }
}
