// Routes: which destinations are reached through which host.
//
//   "10.0.0.0/8"        an address range
//   "10.1.2.3/32"       one address
//   "10.1.2.3"          no: NoRouter wants the /32, so that no range is meant by mistake
//   "*.cluster.local"   host names, by a pattern
//   "db.example.com"    one host name
//   "fd00::/8"          not supported: IPv6
//   "http://db/"        no
//
// routes_test.ts has the same table.
import { type Cidr, formatIpv4, parseCidr, parseIpv4 } from "../wire/ipv4.ts";
import { didYouMean, readFields, readList, readText } from "./fields.ts";
import type { HostSpec, RouteSpec } from "./manifest.ts";
import { isIpv6 } from "./ports.ts";
import type { Report } from "./report.ts";
import { type Entry, quote, type Value } from "./value.ts";

/** Reads `routes`, whose `via` must name one of the hosts. */
export function readRoutes(
  entry: Entry | undefined,
  hosts: readonly HostSpec[],
  report: Report,
): RouteSpec[] {
  if (!entry) return [];
  report.warn(entry.keyAt, `"routes" is not yet in effect`);
  const example = `[{ via: web, to: ["10.0.0.0/8"] }]`;
  return readList(entry, report, example).map((item) => readRoute(item, hosts, report));
}

function readRoute(item: Value, hosts: readonly HostSpec[], report: Report): RouteSpec {
  const fields = readFields(item, ["via", "to"], report, "a route");
  const route = {
    via: "",
    to: [] as string[],
    cidrs: [] as Cidr[],
    globs: [] as string[],
  };
  const via = fields.get("via");
  const to = fields.get("to");
  if (!via) report.missing(item.at, `a route without "via"; wanted the name of a host`);
  else route.via = readVia(via, hosts, report) ?? "";

  const values = readList(to, report, `["10.0.0.0/8", "*.example.com"]`);
  for (const value of values) {
    const text = readText({ ...to!, value }, report, "an address range or a host name");
    if (text === undefined) continue;
    const parsed = parseDestination(text);
    if (typeof parsed === "string") report.error(value.at, parsed);
    else if (parsed.cidr) route.cidrs.push(parsed.cidr);
    else route.globs.push(text);
    route.to.push(text);
  }
  if (!to || to.value.kind === "list" && values.length === 0) {
    report.missing(item.at, `a route without "to"; wanted one destination or more`);
  }
  return { ...route, at: item.at };
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

/** Reads a destination: a range, or else a name or pattern; where it is wrong, says why. */
export function parseDestination(text: string): { readonly cidr?: Cidr } | string {
  const cidr = parseCidr(text);
  if (cidr) return { cidr };
  if (parseIpv4(text) !== undefined) {
    return `${quote(text)} is an address without a prefix length; ` +
      `for this one address write ${quote(`${text}/32`)}`;
  }
  const [address = ""] = text.split("/", 1);
  if (isIpv6(address)) return `${quote(text)}: IPv6 is not supported in routes`;
  if (/^[0-9.]+(\/|$)/.test(text)) {
    return `${quote(text)} is not an address range; wanted one like "10.0.0.0/8"`;
  }
  // What NoRouter's patterns are made of, besides the characters of names.
  if (/^[A-Za-z0-9._*?[\]{},!^-]+$/.test(text)) return {};
  return `${quote(text)} is neither an address range, like "10.0.0.0/8", ` +
    `nor a pattern of host names, like "*.example.com"`;
}
