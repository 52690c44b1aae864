/**
 * Circles: rules whose clients come to the same rule again, each time as one more, until
 * the host has no descriptors left.
 *
 * A rule leads to a port of the mesh, whose host dials the destination of that port; or to
 * an address that its own host dials. What is dialled is followed if the manifest says who
 * listens there: an egress rule of the host that dials, or the mesh at the VIP of a host.
 * Names that a host looks up, its other addresses, and hosts that are one machine are not
 * known here; agents have a limit for those.
 *
 * @module
 */
import { hostGlob } from "../wire/glob.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { inRanges } from "../wire/ip/special.ts";
import { formatHostPort } from "../wire/text.ts";
import { canonicalName } from "./find_host.ts";
import type { EgressSpec, HostSpec, PortSpec, RouteSpec } from "./manifest.ts";
import { formatRule } from "./rule_text.ts";
import { formatPosition } from "./source/diagnostic.ts";
import type { Report } from "./source/report.ts";
import { quote } from "./source/value.ts";

/** Rules of a circle that a message names. */
const MOST_NAMED = 3;

/** A rule of a host, where its clients are. */
interface Place {
  readonly host: HostSpec;
  readonly rule: EgressSpec | PortSpec;
  readonly isEgress: boolean;
}

/** The parts of a manifest that say where rules lead. */
interface Ways {
  readonly hosts: readonly HostSpec[];
  readonly routes: readonly RouteSpec[];
}

/** Refuses rules that lead to themselves, at the rule that most likely closes the circle. */
export function refuseCircles(ways: Ways, report: Report): void {
  const map = new RuleMap(ways);
  const refused = new Set<EgressSpec | PortSpec>();
  for (const circle of circles(map)) {
    const rank = ({ rule: { at }, isEgress }: Place) =>
      (at.file !== report.file ? 2 : isEgress ? 1 : 0) * 2 ** 32 + at.line;
    const first = circle.toSorted((a, b) => rank(b) - rank(a))[0]!;
    if (refused.has(first.rule)) continue;
    refused.add(first.rule);
    const message = tell(first, circle);
    // A rule of the template is of use to the other hosts.
    if (circle.some(({ rule }) => map.isShared(rule))) {
      report.warn(first.rule.at, message);
    } else report.error(first.rule.at, message);
  }
}

function tell(first: Place, circle: readonly Place[]): string {
  const { host, rule, isEgress } = first;
  const what = `${quote(textOf(rule))}: on ${quote(host.name)}, it leads to itself`;
  const remedy = isEgress
    ? "wanted another port or destination"
    : `wanted another destination, or "loopback: {disable: true}" here`;
  if (circle.length === 1) {
    const { connectHost, connectPort } = rule;
    const listener = isEgress ? "the rule" : "the mesh";
    return `${what}, since ${listener} listens at ` +
      `${formatHostPort(connectHost, connectPort)}; ${remedy}`;
  }
  const index = circle.indexOf(first);
  const others = [...circle.slice(index + 1), ...circle.slice(0, index)];
  const named = others.slice(0, MOST_NAMED).map(({ host, rule }) =>
    `${quote(textOf(rule))} of ${quote(host.name)} (${formatPosition(rule.at)})`
  );
  const more = others.length - named.length;
  if (more > 0) named.push(`${more} more`);
  return `${what}, by ${named.join(", then ")}; ${remedy}`;
}

function textOf(rule: EgressSpec | PortSpec): string {
  if ("text" in rule) return rule.text;
  const { listenHost, ...rest } = rule;
  return formatRule(listenHost === "127.0.0.1" ? rest : rule);
}

/** Circles of which each has a rule that the others have not; a search in depth. */
function* circles(map: RuleMap): Generator<Place[]> {
  const done = new Set<Place>();
  const path: Place[] = [];
  const depths = new Map<Place, number>();
  const ahead: Iterator<Place>[] = [];
  const enter = (place: Place) => {
    depths.set(place, path.push(place) - 1);
    ahead.push(map.next(place)[Symbol.iterator]());
  };
  for (const start of map.places) {
    if (!done.has(start)) enter(start);
    while (path.length > 0) {
      const { value: place } = ahead.at(-1)!.next();
      if (place) {
        const depth = depths.get(place);
        if (depth !== undefined) yield path.slice(depth);
        else if (!done.has(place)) enter(place);
        continue;
      }
      ahead.pop();
      const left = path.pop()!;
      depths.delete(left);
      done.add(left);
    }
  }
}

/** Says where rules lead. */
class RuleMap {
  readonly places: readonly Place[];
  readonly #routes: readonly RouteSpec[];
  readonly #byName = new Map<string, HostSpec>();
  readonly #byVip = new Map<number, HostSpec>();
  /** By host and port. */
  readonly #published = new Map<HostSpec, Map<number, Place>>();
  readonly #egress = new Map<HostSpec, Map<number, Place[]>>();
  /** Hosts with a rule. */
  readonly #uses = new Map<EgressSpec, number>();

  constructor({ hosts, routes }: Ways) {
    this.#routes = routes;
    const places: Place[] = [];
    for (const host of hosts) {
      this.#byVip.set(host.vip, host);
      for (const name of [host.name, ...host.aliases]) {
        const canonical = canonicalName(name);
        if (!this.#byName.has(canonical)) this.#byName.set(canonical, host);
      }
      const ports = host.ports.map((rule) => ({ host, rule, isEgress: false }));
      const egress = (host.egress ?? []).map((rule) => ({ host, rule, isEgress: true }));
      places.push(...ports, ...egress);
      for (const { rule } of egress) {
        this.#uses.set(rule, (this.#uses.get(rule) ?? 0) + 1);
      }
      this.#published.set(
        host,
        new Map(ports.map((place) => [place.rule.listenPort, place])),
      );
      this.#egress.set(host, Map.groupBy(egress, ({ rule }) => rule.listenPort));
    }
    this.places = places;
  }

  /** Whether several hosts have the rule, by the template. */
  isShared(rule: EgressSpec | PortSpec): boolean {
    return !("text" in rule) && this.#uses.get(rule)! > 1;
  }

  /** Where clients of a rule may come to. */
  next({ host, rule, isEgress }: Place): readonly Place[] {
    const { connectPort: port } = rule;
    const to = shortest(rule.connectHost);
    if (!isEgress) return this.#dialled(host, to, port);
    const vip = parseIpv4(to);
    const target = this.#byName.get(canonicalName(to)) ??
      (vip === undefined ? undefined : this.#byVip.get(vip));
    if (target) return this.#portOf(target, port);
    return this.#isBehind(to, host) ? [] : this.#dialled(host, to, port);
  }

  #portOf(host: HostSpec, port: number): Place[] {
    const place = this.#published.get(host)!.get(port);
    return place ? [place] : [];
  }

  /** Who listens where a host dials. */
  #dialled(host: HostSpec, to: string, port: number): Place[] {
    const name = canonicalName(to);
    const address = name === "localhost" || to === "0.0.0.0"
      ? "127.0.0.1"
      : to === "::"
      ? "::1"
      : to;
    const found = (this.#egress.get(host)!.get(port) ?? []).filter(({ rule }) =>
      isAt(address, rule as EgressSpec)
    );
    const vip = parseIpv4(address);
    const own = vip === undefined ? undefined : this.#byVip.get(vip);
    return own && !host.loopback.disable ? [...found, ...this.#portOf(own, port)] : found;
  }

  /** Whether another host dials what has this name or address. */
  #isBehind(to: string, { name }: HostSpec): boolean {
    const address = parseIpv4(to);
    return this.#routes.some(({ via, cidrs, globs }) =>
      via !== name &&
      (address === undefined
        ? globs.some((glob) => hostGlob(glob)(canonicalName(to)))
        : inRanges(cidrs, address))
    );
  }
}

/** Whether a rule listens at an address of its own host. */
function isAt(address: string, { listenHost }: EgressSpec): boolean {
  const at = canonicalName(listenHost) === "localhost"
    ? "127.0.0.1"
    : shortest(listenHost);
  if (at === address) return true;
  const isIpv4 = parseIpv4(address) !== undefined;
  // Of other addresses it is not known whose they are.
  const isOwn = isIpv4 ? address.startsWith("127.") : address === "::1";
  return isOwn && (at === "::" || at === "0.0.0.0" && isIpv4);
}

/** The shortest spelling of an address, that of IPv4 where IPv6 holds such. */
function shortest(host: string): string {
  if (!host.includes(":")) return host;
  const short = URL.parse(`http://[${host.split("%")[0]}]/`)?.hostname.slice(1, -1) ??
    host;
  const groups = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (!groups) return short;
  const [high, low] = groups.slice(1).map((group) => parseInt(group, 16));
  return formatIpv4(((high! << 16) | low!) >>> 0);
}
