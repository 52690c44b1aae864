/**
 * Rules of a policy that can never decide about a connection.
 *
 * A rule is taken apart into cells: a host that connects, and a destination (a host, a
 * range behind routes, a pattern of routed names), with the ports that are there. Earlier
 * rules take ports away from it. A rule without a port left in any cell is never reached. A cell counts as taken by
 * an earlier rule only if that covers the whole cell, so a warning is never wrong, while
 * a rule that several others cover piece by piece may go unnoticed.
 *
 * @module
 */
import { hostGlob, hostGlobsOverlap } from "../wire/glob.ts";
import { type Cidr, contains, formatCidr } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import { overlaps, subtract } from "../wire/ip/ranges.ts";
import type { HostSpec } from "./manifest.ts";
import type { PolicyParty, PolicyPorts, PolicyRule } from "./policy.ts";
import type { Ruled } from "./policy_rules.ts";
import { formatPosition } from "./source/diagnostic.ts";
import type { Report } from "./source/report.ts";
import { quote } from "./source/value.ts";

/** Steps of the search for rules behind others; some 0.1 s. The rest goes unsearched. */
const MOST_STEPS = 2_000_000;

const PROTOCOLS = ["tcp", "udp"] as const;

/** Warns of rules that match nothing, and of rules behind others that match it all. */
export function warnOfIdleRules(
  policy: readonly PolicyRule[],
  ruled: Ruled,
  report: Report,
): void {
  const earlier: Covered[] = [];
  const budget = { steps: MOST_STEPS };
  for (const rule of policy) {
    const covered = coveredBy(rule, ruled);
    const why = idleParty(rule, ruled) ?? idlePorts(rule, covered, ruled);
    if (why) {
      report.warn(rule.at, `this policy rule never matches: ${why}`);
      continue;
    }
    const before = whoTakes(covered, { earlier, budget });
    if (before) {
      const places = before.map(({ at }) => formatPosition(at)).join(", ");
      const decide = before.length === 1 ? "decides" : "decide";
      const message = `this policy rule is never reached: ${places} ${decide} about ` +
        `all that it matches`;
      report.warn(rule.at, message);
    }
    earlier.push(covered);
  }
}

/** Why a side of the rule stands for nobody. */
function idleParty({ from, to }: PolicyRule, ruled: Ruled): string | undefined {
  const { hosts, routes } = ruled;
  const strangers = from.filter((party) => hostsOf(party, hosts).length === 0);
  if (strangers.length === from.length && from.length > 0) {
    return `no host has a VIP in ${listed(strangers)}, and only hosts connect`;
  }
  const nowhere = to.filter((party) =>
    hostsOf(party, hosts).length === 0 && !isRouted(party, routes)
  );
  if (nowhere.length === to.length && to.length > 0) {
    return `no route leads to ${listed(nowhere)}`;
  }
  if (to.length === 0 || from.length === 0) return undefined;
  const openers = distinct(from.flatMap((party) => hostsOf(party, hosts)));
  const targets = distinct(to.flatMap((party) => hostsOf(party, hosts)));
  const [opener] = openers;
  const isItself = openers.length === 1 && targets.length === 1 && opener === targets[0];
  if (isItself && !to.some((party) => isRouted(party, routes))) {
    return `connections of ${quote(opener!.name)} to itself do not pass the mesh`;
  }
  return undefined;
}

/** Why no connection has a port of the rule. */
function idlePorts(
  { ports }: PolicyRule,
  { destinations }: Covered,
  { hosts }: Ruled,
): string | undefined {
  if (!ports || ports.length === 0) return undefined;
  if (ports.every(({ proto }) => proto === "udp")) {
    return `its ports are all of UDP, which the mesh does not carry yet`;
  }
  if (destinations.some((destination) => "party" in destination)) return undefined;
  const targets = destinations.flatMap((each) => "host" in each ? each.host : []);
  if (targets.length === 0) return undefined;
  const isPublished = targets.some((host) =>
    host.ports.some(({ listenPort }) =>
      ports.some(({ first, last, proto }) =>
        proto !== "udp" && first <= listenPort && listenPort <= last
      )
    )
  );
  if (isPublished) return undefined;
  if (ports.every(({ first, last }) => first === last && first === NAME_SERVER_PORT)) {
    return `port ${NAME_SERVER_PORT} is that of name servers, which everybody may ask`;
  }
  const who = targets.length === hosts.length
    ? "no host"
    : targets.length === 1
    ? `${quote(targets[0]!.name)} does not`
    : `none of ${targets.map(({ name }) => quote(name)).join(", ")}`;
  const verb = targets.length === 1 && targets.length < hosts.length
    ? "publish"
    : "publishes";
  return `${who} ${verb} ${ports.length === 1 ? "its port" : "one of its ports"}`;
}

/** What a rule is about. */
interface Covered {
  readonly rule: PolicyRule;
  readonly openers: ReadonlySet<HostSpec>;
  /** Hosts by themselves, and parties behind routes. */
  readonly destinations: readonly Destination[];
  readonly targets: ReadonlySet<HostSpec>;
  readonly ranges: readonly Cidr[];
  readonly globs: readonly ((name: string) => boolean)[];
  readonly isAnywhere: boolean;
}

type Destination = { readonly host: HostSpec } | { readonly party: PolicyParty };

function coveredBy(rule: PolicyRule, { hosts, routes }: Ruled): Covered {
  const { from, to } = rule;
  const targets = new Set(to.flatMap((party) => hostsOf(party, hosts)));
  const ranges = to.flatMap((party) => party.kind === "range" ? party.cidr : []);
  return {
    rule,
    openers: new Set(from.flatMap((party) => hostsOf(party, hosts))),
    targets,
    ranges,
    globs: to.flatMap((party) => party.kind === "name" ? hostGlob(party.glob) : []),
    isAnywhere: to.some(({ kind }) => kind === "any") ||
      subtract([{ network: 0, prefix: 0 }], ranges).length === 0,
    destinations: [
      ...[...targets].map((host) => ({ host })),
      ...to.filter((party) => isRouted(party, routes)).map((party) => ({ party })),
    ],
  };
}

/**
 * The earlier rules that leave nothing of a rule, or undefined if something may be left.
 */
function whoTakes(
  { rule, openers, destinations }: Covered,
  { earlier, budget }: {
    readonly earlier: readonly Covered[];
    readonly budget: { steps: number };
  },
): PolicyRule[] | undefined {
  if (earlier.length === 0 || openers.size === 0 || destinations.length === 0) {
    return undefined;
  }
  const takers = new Set<PolicyRule>();
  for (const opener of openers) {
    for (const destination of destinations) {
      if ("host" in destination && destination.host === opener) continue;
      let left = spansOf(rule.ports);
      if ("host" in destination) left = within(left, destination.host);
      for (const other of earlier) {
        if (--budget.steps < 0) return undefined;
        if (!other.openers.has(opener) || !holds(other, destination)) continue;
        const rest = without(left, spansOf(other.rule.ports));
        if (rest === left) continue;
        takers.add(other.rule);
        left = rest;
        if (left.length === 0) break;
      }
      if (left.length > 0) return undefined;
    }
  }
  return takers.size === 0 ? undefined : [...takers];
}

/** Whether the whole destination is covered. */
function holds(covered: Covered, destination: Destination): boolean {
  if (covered.isAnywhere) return true;
  if ("host" in destination) return covered.targets.has(destination.host);
  const { party } = destination;
  if (party.kind === "range") return subtract([party.cidr], covered.ranges).length === 0;
  // A pattern matches another one as text only if it matches all that the other does.
  if (party.kind === "name") return covered.globs.some((glob) => glob(party.glob));
  return false;
}

/** Ports of one protocol. */
interface Span {
  readonly proto: "tcp" | "udp";
  readonly first: number;
  readonly last: number;
}

function spansOf(ports: readonly PolicyPorts[] = [{ first: 1, last: 65_535 }]): Span[] {
  return ports.flatMap(({ first, last, proto }) =>
    (proto ? [proto] : PROTOCOLS).map((proto) => ({ proto, first, last }))
  );
}

/** Those ports of `spans` that the host publishes. */
function within(spans: readonly Span[], { ports }: HostSpec): Span[] {
  return ports.flatMap(({ listenPort, proto }) => {
    const isIn = (span: Span) =>
      span.proto === proto && span.first <= listenPort && listenPort <= span.last;
    return spans.some(isIn) ? { proto, first: listenPort, last: listenPort } : [];
  });
}

/** The ports of `spans` that are in none of `holes`; the same list if that is all. */
function without(spans: readonly Span[], holes: readonly Span[]): Span[] {
  let left = spans as Span[];
  for (const hole of holes) {
    const isHit = ({ proto, first, last }: Span) =>
      proto === hole.proto && first <= hole.last && hole.first <= last;
    if (!left.some(isHit)) continue;
    left = left.flatMap((span) =>
      isHit(span)
        ? [
          { ...span, last: Math.min(span.last, hole.first - 1) },
          { ...span, first: Math.max(span.first, hole.last + 1) },
        ].filter(({ first, last }) => first <= last)
        : span
    );
  }
  return left;
}

/** The hosts that a party stands for, by their names or VIPs. */
function hostsOf(party: PolicyParty, hosts: readonly HostSpec[]): readonly HostSpec[] {
  switch (party.kind) {
    case "any":
      return hosts;
    case "host":
      return hosts.filter(({ name }) => name === party.name);
    case "range":
      return hosts.filter(({ vip }) => contains(party.cidr, vip));
    case "name":
      return [];
  }
}

/** Whether a part of a party lies behind routes. */
function isRouted(party: PolicyParty, routes: Ruled["routes"]): boolean {
  switch (party.kind) {
    case "any":
      return routes.length > 0;
    case "host":
      return false;
    case "range":
      // Names lead to addresses that no route has to name.
      return routes.some(({ cidrs, globs }) =>
        globs.length > 0 || cidrs.some((cidr) => overlaps(cidr, party.cidr))
      );
    case "name":
      return routes.some(({ globs }) =>
        globs.some((glob) => hostGlobsOverlap(glob, party.glob))
      );
  }
}

function listed(parties: readonly PolicyParty[]): string {
  return parties.map((party) =>
    party.kind === "range" ? formatCidr(party.cidr) : "glob" in party ? party.glob : ""
  ).join(", ");
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
