/**
 * Directory: where in the mesh a name or an address lies.
 *
 * Pure. In this order: a name or an alias of a host, or its VIP; the routes, the last
 * match first, host names by their patterns and addresses by their ranges. An exception
 * makes its route no match, and earlier ones are tried; a name that is excepted is so too
 * where only its addresses are in a range of the route.
 *
 * @module
 */
import { hostGlob } from "../wire/glob.ts";
import type { WireRoute } from "../wire/control/control.ts";
import { type Cidr, parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";
import { inRanges } from "../wire/ip/special.ts";

/** Where something lies. */
export type Place =
  /** A host of the mesh, by its VIP. */
  | { readonly kind: "host"; readonly address: number }
  /** Behind the host with the VIP `via`, which dials it. */
  | { readonly kind: "behind"; readonly via: number }
  /** Outside: dialled by this machine. */
  | { readonly kind: "outside" };

/** Options of a {@linkcode Directory}. */
export interface DirectoryOptions {
  /** VIP of this host; destinations routed to it are outside. */
  readonly me: number;
  /**
   * Dotted VIP of each host and alias; for each VIP the host's own name first if known.
   */
  readonly names: Readonly<Record<string, string>>;
  /** Routes, the last match wins. */
  readonly routes: readonly WireRoute[];
}

interface Route {
  readonly via: number;
  readonly ranges: readonly Cidr[];
  /** By name; an exception of this wins. */
  readonly takes: (name: string) => boolean;
  excepts: (name: string) => boolean;
}

const OUTSIDE: Place = { kind: "outside" };

/**
 * A name as names are compared: small letters, without the dot that marks a complete
 * name.
 */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** Looks up names and addresses. */
export class Directory {
  /** VIP of each host and alias, by canonical name. */
  readonly names: ReadonlyMap<string, number>;
  readonly #me: number;
  /** Of each VIP, the host's own name first. */
  readonly #namesOf = new Map<number, string[]>();
  /** The last route first. */
  readonly #routes: readonly Route[];

  /** Patterns and ranges that are none match nothing. */
  constructor({ me, names, routes }: DirectoryOptions) {
    this.#me = me;
    this.names = new Map(
      Object.entries(names).map(([name, vip]) => [canonicalName(name), parseIpv4(vip)!]),
    );
    for (const [name, vip] of this.names) {
      const known = this.#namesOf.get(vip);
      if (known) known.push(name);
      else this.#namesOf.set(vip, [name]);
    }
    // NoRouter's manager sorts them. Aliases mostly have more dots than the names of
    // hosts.
    this.#sortNames((name) => name.split(".").length);
    this.#routes = routes.map((route) => ({
      via: parseIpv4(route.via)!,
      ranges: route.toCIDR.map(parseCidr).filter((range) => range !== undefined),
      takes: anyOf(route.toHostnameGlob),
      excepts: () => false,
    })).reverse();
  }

  /**
   * From now on the route with this index takes no name that any of `patterns` matches.
   */
  except(route: number, patterns: readonly string[]): void {
    const excepted = this.#routes[this.#routes.length - 1 - route];
    if (excepted) excepted.excepts = anyOf(patterns);
  }

  /** Says which of the names are aliases, so that those of the hosts come first. */
  aliases(names: readonly string[]): void {
    const aliases = new Set(names.map(canonicalName));
    this.#sortNames((name) => aliases.has(name) ? 1 : 0);
  }

  #sortNames(rank: (name: string) => number): void {
    for (const names of this.#namesOf.values()) names.sort((a, b) => rank(a) - rank(b));
  }

  /** Whether addresses that names stand for can matter, because some route has ranges. */
  get hasRanges(): boolean {
    return this.#routes.some(({ ranges }) => ranges.length > 0);
  }

  /** The name of the host with this VIP. */
  nameOf(vip: number): string | undefined {
    return this.#namesOf.get(vip)?.[0];
  }

  /**
   * The name of the host with this VIP and its aliases; none if there is no such host.
   */
  namesOf(vip: number): readonly string[] {
    return this.#namesOf.get(vip) ?? [];
  }

  /** Whether `address` is that of a host. */
  isVip(address: number): boolean {
    return address === this.#me || this.#namesOf.has(address);
  }

  /** Where `address` lies, which may have been found for a name. */
  ofAddress(address: number, name?: string): Place {
    if (this.isVip(address)) return { kind: "host", address };
    const canonical = name === undefined ? undefined : canonicalName(name);
    return this.#behind((route) =>
      inRanges(route.ranges, address) &&
      (canonical === undefined || !route.excepts(canonical))
    );
  }

  /**
   * Whether some range that leads to `via` has `address`, even if a later range has the
   * address too.
   */
  isBehind(via: number, address: number): boolean {
    return this.#routes.some((route) =>
      route.via === via && inRanges(route.ranges, address)
    );
  }

  /** Where a host name leads; `outside` where only its addresses could tell more. */
  ofName(name: string): Place {
    const canonical = canonicalName(name);
    const address = this.names.get(canonical);
    if (address !== undefined) return { kind: "host", address };
    return this.#behind((route) => takes(route, canonical));
  }

  /** The ranges and the names that this host dials for others. */
  get mine(): { ranges: readonly Cidr[]; takes: (name: string) => boolean } {
    const mine = this.#routes.filter(({ via }) => via === this.#me);
    return {
      ranges: mine.flatMap(({ ranges }) => ranges),
      takes: (name) => mine.some((route) => takes(route, canonicalName(name))),
    };
  }

  #behind(matches: (route: Route) => boolean): Place {
    const via = this.#routes.find(matches)?.via;
    return via === undefined || via === this.#me ? OUTSIDE : { kind: "behind", via };
  }
}

function takes(route: Route, name: string): boolean {
  return route.takes(name) && !route.excepts(name);
}

function anyOf(patterns: readonly string[]): (name: string) => boolean {
  const matchers = patterns.map(hostGlob);
  return (name) => matchers.some((matches) => matches(name));
}
