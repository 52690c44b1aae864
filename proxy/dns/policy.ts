/**
 * Which names outside the mesh the name server of a host tells to which other host: those
 * that a route leads to this host, and all to hosts that the manifest names
 * (`resolveFor`).
 *
 * @module
 */
import type { Cidr } from "../../wire/ip/ipv4.ts";
import { reversedIpv4 } from "./reverse.ts";
import { inRanges } from "../../wire/ip/special.ts";

/** The destinations that routes lead to this host. */
export interface Routed {
  readonly ranges: readonly Cidr[];
  /** By name, in any case. */
  readonly takes: (name: string) => boolean;
}

/** Decides which host may ask for which name. */
export class NamePolicy {
  readonly #routed: Routed;
  #hosts: ReadonlySet<number> | "all" = new Set();

  /** `routed` may change later. */
  constructor(routed: Routed) {
    this.#routed = routed;
  }

  /** From now on these hosts, by their VIPs, may ask anything. */
  resolveFor(hosts: readonly number[] | "all"): void {
    this.#hosts = hosts === "all" ? hosts : new Set(hosts);
  }

  /**
   * Whether another host, by its VIP, may ask about a name; undefined stands for a name
   * that is no text.
   */
  mayAsk(client: number, name: string | undefined): boolean {
    if (this.#hosts === "all" || this.#hosts.has(client)) return true;
    if (name === undefined) return false;
    const address = reversedIpv4(name);
    return address === undefined
      ? this.#routed.takes(name)
      : inRanges(this.#routed.ranges, address);
  }
}
