/**
 * `egress` of a host: addresses on it that lead into the mesh, or behind its routes.
 *
 *   "tcp:5432:db:5432"              127.0.0.1:5432 leads to port 5432 of the host "db"
 *   "tcp:5432:127.0.42.101:5432"    … of the host with this VIP
 *   "tcp:0.0.0.0:5432:db:5432"      open to the host's network
 *   "tcp:443:www.internal:443"      a name or an address behind a route
 *   ["tcp:80:a:80", "tcp:80:b:80"]  clients of one address take turns
 *
 * @module
 */
import { canonicalAddress, collide, LOCALHOST } from "./address.ts";
import { hostGlob } from "../wire/glob.ts";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import { formatHostPort } from "../wire/text.ts";
import { refuseCircles } from "./circles.ts";
import { readList, readText } from "./fields.ts";
import { findHost, nearHost } from "./find_host.ts";
import { parseListen } from "./listen.ts";
import type { EgressSpec, HostSpec, RouteSpec } from "./manifest.ts";
import { formatRule, parseRule } from "./rule_text.ts";
import { formatPosition } from "./source/diagnostic.ts";
import type { Report } from "./source/report.ts";
import { type Entry, quote } from "./source/value.ts";

const EXAMPLE = "tcp:5432:db:5432";

/** Reads the field; what destinations mean is not known yet. */
export function readEgress(entry: Entry, report: Report): EgressSpec[] {
  return readList(entry, report, `["${EXAMPLE}"]`).flatMap((value): EgressSpec[] => {
    const text = readText({ ...entry, value }, report, quote(EXAMPLE));
    if (text === undefined) return [];
    const rule = parseRule(text);
    if (typeof rule !== "string") {
      return [{ listenHost: LOCALHOST, ...rule, at: value.at }];
    }
    report.error(value.at, rule);
    return [];
  });
}

/**
 * Reports destinations that are not there, addresses where others listen, and rules that
 * lead to themselves, also without egress.
 */
export function checkEgress(
  hosts: readonly HostSpec[],
  routes: readonly RouteSpec[],
  report: Report,
): void {
  const published = hosts.flatMap(({ name, vip, ports }) => [
    ...ports.map(({ listenPort, at }) => ({
      hostname: formatIpv4(vip),
      port: listenPort,
      what: `the mesh, for port ${listenPort} of ${quote(name)} (${formatPosition(at)}),`,
      remedy: `, or "loopback: {disable: true}" here`,
    })),
    {
      hostname: formatIpv4(vip),
      port: NAME_SERVER_PORT,
      what: `the mesh, for the name server of ${quote(name)},`,
    },
  ]);
  for (const host of hosts) {
    const { egress = [] } = host;
    if (egress.length === 0) continue;
    const others = [...proxiesOf(host), ...host.loopback.disable ? [] : published];
    const before = new Map<number, EgressSpec[]>();
    for (const rule of egress) {
      checkDestination(rule, { hosts, routes, report });
      const ofPort = before.get(rule.listenPort) ?? [];
      refuseTaken(rule, host, [...others, ...otherAddresses(ofPort, rule)], report);
      ofPort.push(rule);
      before.set(rule.listenPort, ofPort);
    }
  }
  refuseCircles({ hosts, routes }, report);
}

function checkDestination(
  rule: EgressSpec,
  { hosts, routes, report }: {
    readonly hosts: readonly HostSpec[];
    readonly routes: readonly RouteSpec[];
    readonly report: Report;
  },
): void {
  const { connectHost, connectPort, at } = rule;
  const target = findHost(connectHost, hosts);
  if (!target) {
    const isRouted = routes.some(({ globs }) =>
      globs.some((glob) => hostGlob(glob)(connectHost))
    );
    const hint = isRouted ? "" : nearHost(connectHost, hosts);
    if (hint === "") return;
    const message =
      `${quote(connectHost)} is not a host of the mesh, so that this host ` +
      `looks it up itself${hint}`;
    report.warn(at, message);
    return;
  }
  const ports = target.ports.map(({ listenPort }) => listenPort);
  if (connectPort === NAME_SERVER_PORT || ports.includes(connectPort)) return;
  const has = ports.length === 0 ? "no port" : `only ${ports.join(", ")}`;
  report.warn(
    at,
    `${quote(textOf(rule))} leads nowhere: ${quote(target.name)} publishes ${has}`,
  );
}

/** An address with a listener. */
interface Taken {
  readonly hostname: string;
  readonly port: number;
  /** Who listens there, for the user. */
  readonly what: string;
  /** What else the user can do than to take another address. */
  readonly remedy?: string;
}

function proxiesOf({ http, socks }: HostSpec): Taken[] {
  return Object.entries({ http, socks }).flatMap(([kind, proxy]) => {
    const parsed = proxy && parseListen(proxy.listen);
    if (!parsed || typeof parsed === "string") return [];
    const what = `the ${kind} proxy (${formatPosition(proxy.at)})`;
    return [{ hostname: parsed.hostname, port: parsed.port, what }];
  });
}

/** Rules but those of the same address, with which a rule takes turns. */
function otherAddresses(rules: readonly EgressSpec[], rule: EgressSpec): Taken[] {
  return rules.flatMap(({ listenHost, listenPort, at }) => {
    if (canonicalAddress(listenHost) === canonicalAddress(rule.listenHost)) return [];
    const what = `an egress rule of ${listenHost} (${formatPosition(at)})`;
    return [{ hostname: listenHost, port: listenPort, what }];
  });
}

function refuseTaken(
  rule: EgressSpec,
  host: HostSpec,
  others: readonly Taken[],
  report: Report,
): void {
  const { listenHost, listenPort, at } = rule;
  const taken = others.find(({ hostname, port }) =>
    port === listenPort && collide(hostname, listenHost)
  );
  if (!taken) return;
  const where = formatHostPort(taken.hostname, taken.port);
  report.error(
    at,
    `${quote(textOf(rule))}: on ${quote(host.name)}, ${taken.what} listens at ${where} ` +
      `already; wanted another port or address${taken.remedy ?? ""}`,
  );
}

/** The rule as text, without the address that rules have by themselves. */
function textOf({ listenHost, ...rule }: EgressSpec): string {
  return formatRule(listenHost === LOCALHOST ? rule : { ...rule, listenHost });
}
