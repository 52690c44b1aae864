/**
 * Routes: which destinations are reached through which host.
 *
 *   "10.0.0.0/8"        an address range
 *   "10.1.2.3/32"       one address
 *   "10.1.2.3"          no: NoRouter wants the /32, so that no range is meant by mistake
 *   "*.cluster.local"   host names, by a pattern
 *   "db.example.com"    one host name
 *   "fd00::/8"          never matches, with a warning: IPv6, which NoRouter takes so too
 *   "web-?.internal"    no: "*" is the only wildcard, as in NoRouter
 *   ".example.com"      no: "*.example.com" is meant
 *   "http://db/"        no
 *
 * `notTo` has the same, for the exceptions of a route.
 *
 * routes_test.ts has the same table.
 *
 * @module
 */
import { type Cidr, formatIpv4, parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";
import { hostGlobFault, hostGlobsOverlap } from "../wire/glob.ts";
import { overlaps, subtract } from "../wire/ip/ranges.ts";
import type { Position } from "./source/diagnostic.ts";
import { didYouMean, readFields, readList, readText } from "./fields.ts";
import type { HostSpec, RouteSpec } from "./manifest.ts";
import { isIpv6 } from "./ports.ts";
import type { Report } from "./source/report.ts";
import { type Entry, quote, type Value } from "./source/value.ts";

/** Reads `routes`, whose `via` must name one of the hosts. */
export function readRoutes(
  entry: Entry | undefined,
  hosts: readonly HostSpec[],
  report: Report,
): RouteSpec[] {
  if (!entry) return [];
  const example = `[{ via: web, to: ["10.0.0.0/8"] }]`;
  const items = readList(entry, report, example);
  return items.map((item) => readRoute(item, hosts, report));
}

function readRoute(item: Value, hosts: readonly HostSpec[], report: Report): RouteSpec {
  const fields = readFields(item, ["via", "to", "notTo"], report, "a route");
  const via = fields.get("via");
  const to = fields.get("to");
  if (!via) report.missing(item.at, `a route without "via"; wanted the name of a host`);
  if (!to || to.value.kind === "list" && to.value.items.length === 0) {
    report.missing(item.at, `a route without "to"; wanted one destination or more`);
  }
  const matches = readDestinations(to, report);
  const exceptions = readDestinations(fields.get("notTo"), report);
  warnOfExceptions(matches, exceptions, report);
  const notNameAt = exceptions.find(({ cidr }) => !cidr)?.at;
  return {
    via: via && readVia(via, hosts, report) || "",
    to: matches.map(({ text }) => text),
    cidrs: matches.flatMap(({ cidr }) => cidr ?? []),
    globs: matches.flatMap(({ cidr, text }) => cidr ? [] : text),
    notTo: exceptions.map(({ text }) => text),
    notCidrs: exceptions.flatMap(({ cidr }) => cidr ?? []),
    notGlobs: exceptions.flatMap(({ cidr, text }) => cidr ? [] : text),
    at: item.at,
    ...(notNameAt && { notNameAt }),
  };
}

/** A destination as written; a pattern of names unless there is a range. */
interface Destination {
  readonly text: string;
  readonly cidr?: Cidr;
  readonly at: Position;
}

/** The meaning of a destination's text; a destination of IPv6 matches nothing. */
type ParsedDestination = { readonly cidr?: Cidr; readonly isIpv6?: true };

function readDestinations(entry: Entry | undefined, report: Report): Destination[] {
  const found: Destination[] = [];
  for (const value of readList(entry, report, `["10.0.0.0/8", "*.example.com"]`)) {
    const text = readText(
      { ...entry!, value },
      report,
      "an address range or a host name",
    );
    if (text === undefined) continue;
    const parsed = parseRouteDestination(text);
    if (typeof parsed === "string") report.error(value.at, parsed);
    else if (parsed.isIpv6) {
      const message = `${quote(text)} has no effect: IPv6 is not supported in routes`;
      report.warn(value.at, message, { failsCheck: true });
    } else found.push({ ...parsed, text, at: value.at });
  }
  return found;
}

/** Exceptions that change nothing, and destinations of which they leave nothing. */
function warnOfExceptions(
  matches: readonly Destination[],
  exceptions: readonly Destination[],
  report: Report,
): void {
  for (const { text, cidr, at } of exceptions) {
    const hasEffect = matches.some((match) =>
      cidr
        ? match.cidr && overlaps(match.cidr, cidr)
        : match.cidr || hostGlobsOverlap(match.text, text) // names may lead to a range
    );
    if (hasEffect) continue;
    const kind = cidr ? "range" : "pattern of host names";
    const message =
      `this exception has no effect: ${quote(text)} lies outside of every ` +
      `${kind} in "to" of its route`;
    report.warn(at, message);
  }
  const holes = exceptions.flatMap(({ cidr }) => cidr ?? []);
  for (const { text, cidr, at } of matches) {
    const isGone = cidr
      ? subtract([cidr], holes).length === 0
      : exceptions.some((exception) => sameName(exception.text, text));
    if (isGone) report.warn(at, `"notTo" of this route leaves nothing of ${quote(text)}`);
  }
}

function sameName(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => text.toLowerCase().replace(/\.$/, ""));
  return a === b;
}

function readVia(
  entry: Entry,
  hosts: readonly HostSpec[],
  report: Report,
): string | undefined {
  const text = readText(entry, report, "the name or the VIP of a host");
  if (text === undefined) return undefined;
  const vip = parseIpv4(text);
  const host = hosts.find(({ name }) => name === text) ??
    hosts.find((host) => host.vip === vip);
  if (host) return host.name;
  const hint = didYouMean(
    text,
    hosts.map(({ name, vip }) => /^[0-9.]+$/.test(text) ? formatIpv4(vip) : name),
  );
  const message = `via ${quote(text)} is neither the name nor the VIP of a host${hint}`;
  report.error(entry.value.at, message);
  return undefined;
}

/**
 * Reads a destination: a range, or else a name or pattern; gives the fault of a wrong
 * text.
 */
export function parseRouteDestination(text: string): ParsedDestination | string {
  const cidr = parseCidr(text);
  if (cidr) return { cidr };
  if (parseIpv4(text) !== undefined) {
    return `${quote(text)} is an address without a prefix length; ` +
      `for this one address write ${quote(`${text}/32`)}`;
  }
  const [address = ""] = text.split("/", 1);
  if (isIpv6(address) && /^[^/]*(\/(\d{1,2}|1[01]\d|12[0-8]))?$/.test(text)) {
    return { isIpv6: true };
  }
  if (/^[0-9.]+(\/|$)/.test(text)) {
    return `${quote(text)} is not an address range; wanted one like "10.0.0.0/8"`;
  }
  const fault = hostGlobFault(text);
  if (!fault) return {};
  return `${quote(text)} is neither an address range, like "10.0.0.0/8", ` +
    `nor a pattern of host names, like "*.example.com": ${fault}`;
}
