/**
 * `policy`: who may connect to whom, a list of rules of which the first match counts.
 *
 *   - { from: [laptop], to: [db], ports: [5432], action: allow }
 *   - { from: ["*"], to: [db, 10.0.0.0/8, "*.internal"], action: deny }
 *
 * | in `from` and `to` | means                                                  |
 * | ------------------ | ------------------------------------------------------ |
 * | `laptop`           | the host of that name or alias, whatever else it is    |
 * | `127.0.42.100`     | the host of that VIP                                   |
 * | `"*"`              | everybody, everything                                  |
 * | `10.0.0.0/8`       | a range of addresses: VIPs, in `to` also routed ones   |
 * | `"*.internal"`     | only in `to`: names that routes lead to                |
 * | `db.internal`      | only in `to`: a name that a route leads to             |
 * | `10.1.2.3`         | no: without a host of that VIP, it wants `/32`         |
 * | `user:me`, `cert:` | not yet: they come with identity                       |
 *
 *   443   "8000-8100"   "443/tcp"   "53/udp"      in `ports`; without it, all
 *
 * policy_rules_test.ts has the same tables.
 *
 * @module
 */
import { hostGlobFault, hostGlobsOverlap } from "../wire/glob.ts";
import { parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";
import { parseNumeric, readFields, readList, readText } from "./fields.ts";
import { canonicalName, findHost, nearHost } from "./find_host.ts";
import type { Manifest } from "./manifest.ts";
import type { PolicyParty, PolicyPorts, PolicyRule } from "./policy.ts";
import { isIpv6, portFault } from "./ports.ts";
import type { Report } from "./source/report.ts";
import { type Entry, isNull, quote, type Value } from "./source/value.ts";

/** What rules speak of. */
export type Ruled = Pick<Manifest, "hosts" | "routes">;

const EXAMPLE = `[{ from: [laptop], to: [db], ports: [5432], action: allow }]`;

const FIELDS = ["from", "to", "ports", "action"];

/** Reads the policy; undefined if there is none. */
export function readPolicy(
  entry: Entry | undefined,
  ruled: Ruled,
  report: Report,
): PolicyRule[] | undefined {
  if (!entry) return undefined;
  return readList(entry, report, EXAMPLE).map((item) => readRule(item, ruled, report));
}

function readRule(item: Value, ruled: Ruled, report: Report): PolicyRule {
  const fields = readFields(item, FIELDS, report, "a policy rule");
  if (isNull(item)) {
    report.missing(item.at, `a policy rule with nothing in it; wanted ${EXAMPLE}`);
  } else if (item.kind === "map") {
    // A rule with "port" in place of "ports" would be one for all ports.
    for (const { keyAt } of item.entries.values()) report.blame(keyAt, /^unknown field/);
    if (!fields.has("action")) {
      report.missing(item.at, `a policy rule without "action"; wanted "allow" or "deny"`);
    }
  }
  const ports = fields.get("ports");
  return {
    action: readAction(fields.get("action"), report),
    from: readParties("from", { item, entry: fields.get("from") }, { ruled, report }),
    to: readParties("to", { item, entry: fields.get("to") }, { ruled, report }),
    ...(ports && { ports: readRulePorts(ports, report) }),
    at: item.at,
  };
}

function readAction(entry: Entry | undefined, report: Report): PolicyRule["action"] {
  const text = readText(entry, report, `"allow" or "deny"`);
  if (text === "allow" || text === "deny") return text;
  if (entry && text !== undefined) {
    const message = `"action" is ${quote(text)}; wanted "allow" or "deny"`;
    report.error(entry.value.at, message);
  }
  return "deny";
}

interface Context {
  readonly ruled: Ruled;
  readonly report: Report;
}

function readParties(
  side: "from" | "to",
  { item, entry }: { readonly item: Value; readonly entry: Entry | undefined },
  { ruled, report }: Context,
): PolicyParty[] {
  const all = side === "from" ? "for everybody" : "for everything";
  if (!entry) {
    if (item.kind !== "map") return [];
    const message =
      `a policy rule without "${side}"; wanted a list of hosts, ranges or ` +
      `the like, or ["*"] ${all}`;
    report.missing(item.at, message);
    return [];
  }
  const values = readList(entry, report, `[web] or ["*"]`);
  if (entry.value.kind === "list" && values.length === 0) {
    const message = `"${side}" is empty, so that the rule matches nothing; wanted one ` +
      `host or more, or ["*"] ${all}`;
    report.error(entry.value.at, message);
  }
  return values.flatMap((value): PolicyParty[] => {
    const text = readText({ ...entry, value }, report, `a host, a range, or "*"`);
    if (text === undefined) return [];
    const party = parseParty(text, side, ruled);
    if (typeof party === "string") {
      report.error(value.at, `"${side}": ${party}`);
      return [];
    }
    warnOfSlip(text, party, { ruled, report, at: value.at });
    return [party];
  });
}

/** Reads a side of a rule; gives the fault of a wrong text. */
export function parseParty(
  text: string,
  side: "from" | "to",
  { hosts, routes }: Ruled,
): PolicyParty | string {
  const host = findHost(text, hosts);
  if (host) return { kind: "host", name: host.name };
  if (text === "*") return { kind: "any" };
  if (/^(user|cert):/.test(text)) {
    const [kind] = text.split(":", 1);
    return `${
      quote(text)
    }: rules for "${kind}:" come with identity, which hosts do not ` +
      `have yet; wanted a host, a range, or "*"`;
  }
  const cidr = parseCidr(text);
  if (cidr) return { kind: "range", cidr };
  const near = nearHost(text, hosts);
  if (parseIpv4(text) !== undefined) {
    return `${quote(text)} is no host's VIP; for this one address write ` +
      `${quote(`${text}/32`)}${near}`;
  }
  const [address = ""] = text.split("/", 1);
  if (isIpv6(address) || isIpv6(address.replace(/^\[|\]$/g, ""))) {
    return `${quote(text)}: the mesh carries no IPv6; wanted a range like "10.0.0.0/8"`;
  }
  if (/^[0-9.]+(\/|$)/.test(text)) {
    return `${quote(text)} is not an address range; wanted one like "10.0.0.0/8"`;
  }
  const fault = hostGlobFault(text);
  if (fault) {
    const kinds = side === "to"
      ? ", a range or a pattern of routed names"
      : " or a range";
    return `${quote(text)} is neither a host${kinds}: ${fault}`;
  }
  if (side === "from") {
    return text.includes("*")
      ? `${quote(text)} is a pattern of names, but who connects is a host; wanted ` +
        `hosts by name, a range of VIPs, or "*"`
      : `${quote(text)} is not a host${near}`;
  }
  const isRouted = routes.some(({ globs }) =>
    globs.some((glob) => hostGlobsOverlap(glob, text))
  );
  if (isRouted || text.includes("*")) return { kind: "name", glob: canonicalName(text) };
  return `${quote(text)} is neither a host nor a name that a route leads to${near}`;
}

/** A host that is misspelt, where a route leads to any name. */
function warnOfSlip(
  text: string,
  party: PolicyParty,
  { ruled, report, at }: Context & { readonly at: Value["at"] },
): void {
  if (party.kind !== "name" || /[.*]/.test(text)) return;
  const isNamed = ruled.routes.some(({ globs }) =>
    globs.some((glob) => canonicalName(glob) === party.glob)
  );
  const near = isNamed ? "" : nearHost(text, ruled.hosts);
  if (near === "") return;
  report.warn(at, `${quote(text)} is not a host, and is taken for a routed name${near}`);
}

function readRulePorts(entry: Entry, report: Report): PolicyPorts[] {
  const values = readList(entry, report, `[443, "8000-8100/tcp"]`);
  if (entry.value.kind === "list" && values.length === 0) {
    const message =
      `"ports" is empty, so that the rule matches nothing; wanted one port ` +
      `or more, or no "ports" for all`;
    report.error(entry.value.at, message);
  }
  return values.flatMap((value): PolicyPorts[] => {
    const text = readText({ ...entry, value }, report, `a port, like 443`);
    if (text === undefined) return [];
    const ports = parseNumeric({ ...entry, value }, text, parsePolicyPorts);
    if (typeof ports !== "string") return [ports];
    report.error(value.at, ports);
    return [];
  });
}

/** Reads `PORT`, `FIRST-LAST`, each with `/tcp`, `/udp` or nothing; gives the fault. */
export function parsePolicyPorts(text: string): PolicyPorts | string {
  const not = `${quote(text)} is no port of a rule`;
  const form = `wanted one like 443, "8000-8100" or "443/tcp"`;
  const [, ports = "", proto] = /^(.*?)(?:\/([^/]*))?$/s.exec(text)!;
  if (proto !== undefined && proto !== "tcp" && proto !== "udp") {
    return `${not}: the protocol ${
      quote(proto)
    } is not known; wanted "/tcp", "/udp" or ` +
      `nothing for both`;
  }
  if (ports === "*") return `${not}; for all ports, leave "ports" out`;
  const [from = "", to = from, ...more] = ports.split("-");
  if (more.length > 0) return `${not}; ${form}`;
  const fault = portFault(from) ?? portFault(to);
  if (fault) return `${not}: ${fault}; ${form}`;
  const [first, last] = [Number(from), Number(to)];
  if (first > last) return `${not}: it ends before it begins; ${form}`;
  return { first, last, ...(proto && { proto }) };
}
