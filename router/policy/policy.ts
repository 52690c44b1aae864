/**
 * Policy: the rules of a manifest's `policy`, compiled so that a connection is decided in a few
 * microseconds, whatever their number.
 *
 * The first rule that matches decides; where none does, the connection is allowed. For each
 * opener the rules that name the opener are gathered once. These are gone through by the
 * bounds of their ports and of their addresses, which stand side by side in plain arrays, so
 * that most rules cost a comparison; the hosts and names of a connection are looked up
 * before. The decision is remembered for destinations that no name leads to.
 *
 * @module
 */

import type { PolicyParty, PolicyPorts, PolicyRule } from "../../manifest/policy.ts";
import type { Cidr } from "../../wire/ip/ipv4.ts";
import { PolicyNames } from "./names.ts";
import { RuleSet } from "./rule_set.ts";
import { type Span, Spans } from "./spans.ts";

/** Decisions that are remembered; beyond that all are forgotten. */
const REMEMBERED = 16_384;
/** Openers whose rules are remembered, likewise. */
const OPENERS = 1024;

/** A connection to be decided. */
export interface Opening {
  /** Name of the host that opens it. */
  readonly from: string;
  /** Its address. */
  readonly fromAddress: number;
  /** Name of the host whose VIP `address` is; undefined if `address` is no VIP. */
  readonly to: string | undefined;
  /** The destination. */
  readonly address: number;
  /** The names that led the opener to the destination; none if an address did. */
  readonly names: readonly string[];
  /** Destination port. */
  readonly port: number;
  /** The protocol. */
  readonly proto: "tcp" | "udp";
}

/** What becomes of a connection. */
export interface Decision {
  /** Whether the connection may be opened. */
  readonly action: "allow" | "deny";
  /** The place of the rule that decides, from 0; undefined if no rule matches. */
  readonly rule: number | undefined;
}

/** The decision where no rule matches. */
const DEFAULT: Decision = { action: "allow", rule: undefined };

/** The rules that name an opener, side by side. */
interface Opener {
  readonly count: number;
  /** Their numbers, in order. */
  readonly rules: Int32Array;
  /** The bounds of their ports. */
  readonly tcp: Bounds;
  readonly udp: Bounds;
  /** The bounds of their addresses. */
  readonly addresses: Bounds;
  /** Decisions by destination, port and protocol. */
  readonly known: Map<number, Decision>;
}

/** The least and the greatest number that each rule may have. */
interface Bounds {
  readonly first: Float64Array;
  readonly last: Float64Array;
}

/**
 * Compiled rules, which never change. Of the openings of one policy, the hosts have to follow
 * from the addresses.
 */
export class Policy {
  readonly #rules: readonly CompiledRule[];
  readonly #names: PolicyNames | undefined;
  /** The rules that name a host as destination. */
  readonly #hosts: ReadonlyMap<string, RuleSet>;
  readonly #openers = new Map<string, Opener>();
  #remembered = 0;

  /** Compiles rules. */
  constructor(rules: readonly PolicyRule[]) {
    this.#rules = rules.map((rule, index) => new CompiledRule(rule, index));
    const names = new PolicyNames(rules.length);
    const hosts = new Map<string, number[]>();
    let hasNames = false;
    for (const [index, { to }] of rules.entries()) {
      for (const party of to) {
        if (party.kind === "name") {
          names.add(party.glob, index);
          hasNames = true;
        } else if (party.kind === "host") {
          const named = hosts.get(party.name);
          if (named) named.push(index);
          else hosts.set(party.name, [index]);
        }
      }
    }
    this.#names = hasNames ? names : undefined;
    this.#hosts = new Map(
      Array.from(hosts, ([host, named]) => [host, new RuleSet(rules.length, named)]),
    );
  }

  /** Decides a connection. */
  decide(opening: Opening): Decision {
    const opener = this.#openerOf(opening);
    const { address, port, proto, names } = opening;
    if (this.#names !== undefined && names.length > 0) return this.#find(opener, opening);
    const key = (address * 65_536 + port) * 2 + (proto === "udp" ? 1 : 0);
    const known = opener.known.get(key);
    if (known !== undefined) return known;
    const decision = this.#find(opener, opening);
    if (this.#remembered++ >= REMEMBERED) {
      for (const { known } of this.#openers.values()) known.clear();
      this.#remembered = 1;
    }
    opener.known.set(key, decision);
    return decision;
  }

  #find(opener: Opener, { to, address, names, port, proto }: Opening): Decision {
    const hosts = to === undefined ? undefined : this.#hosts.get(to);
    const named = names.flatMap((name) => this.#names?.rulesOf(name) ?? []);
    const { count, rules, addresses } = opener;
    const ports = proto === "tcp" ? opener.tcp : opener.udp;
    for (let at = 0; at < count; at++) {
      if (port < ports.first[at]! || port > ports.last[at]!) continue;
      const index = rules[at]!;
      const isNear = address >= addresses.first[at]! && address <= addresses.last[at]!;
      const isNamed = hosts?.has(index) || named.some((some) => some.has(index));
      if (!isNear && !isNamed) continue;
      const rule = this.#rules[index]!;
      if (!rule.hasPort(port, proto)) continue;
      if (isNamed || rule.to.has(undefined, address)) return rule.decision;
    }
    return DEFAULT;
  }

  #openerOf({ from, fromAddress }: Opening): Opener {
    const key = `${fromAddress} ${from}`;
    const known = this.#openers.get(key);
    if (known !== undefined) return known;
    if (this.#openers.size >= OPENERS) {
      this.#openers.clear();
      this.#remembered = 0;
    }
    const rules = this.#rules.filter((rule) => rule.from.has(from, fromAddress));
    const opener = {
      count: rules.length,
      rules: Int32Array.from(rules, ({ index }) => index),
      tcp: boundsOf(rules.map(({ tcp }) => tcp)),
      udp: boundsOf(rules.map(({ udp }) => udp)),
      addresses: boundsOf(rules.map(({ to }) => to.addresses)),
      known: new Map<number, Decision>(),
    };
    this.#openers.set(key, opener);
    return opener;
  }
}

/** A rule in the form that is asked. */
class CompiledRule {
  readonly index: number;
  readonly decision: Decision;
  readonly from: Parties;
  readonly to: Parties;
  /** Undefined for all ports. */
  readonly tcp: Spans | undefined;
  readonly udp: Spans | undefined;

  constructor({ action, from, to, ports }: PolicyRule, index: number) {
    this.index = index;
    this.decision = { action, rule: index };
    this.from = new Parties(from);
    this.to = new Parties(to);
    this.tcp = ports && portsOf(ports, "tcp");
    this.udp = ports && portsOf(ports, "udp");
  }

  hasPort(port: number, proto: "tcp" | "udp"): boolean {
    const ports = proto === "tcp" ? this.tcp : this.udp;
    return ports === undefined || ports.has(port);
  }
}

/** One side of a rule, without its names. */
class Parties {
  /** Undefined for all addresses. */
  readonly addresses: Spans | undefined;
  readonly #hosts: ReadonlySet<string>;

  constructor(parties: readonly PolicyParty[]) {
    const isAny = parties.some(({ kind }) => kind === "any");
    const ranges = parties.flatMap((party) =>
      party.kind === "range" ? [spanOf(party.cidr)] : []
    );
    this.addresses = isAny ? undefined : new Spans(ranges);
    this.#hosts = new Set(
      parties.flatMap((party) => party.kind === "host" ? [party.name] : []),
    );
  }

  has(host: string | undefined, address: number): boolean {
    return this.addresses === undefined || this.addresses.has(address) ||
      host !== undefined && this.#hosts.has(host);
  }
}

function boundsOf(all: readonly (Spans | undefined)[]): Bounds {
  return {
    first: Float64Array.from(all, (spans) => spans ? spans.first : 0),
    last: Float64Array.from(all, (spans) => spans ? spans.last : Infinity),
  };
}

function portsOf(ports: readonly PolicyPorts[], wanted: "tcp" | "udp"): Spans {
  return new Spans(
    ports.filter(({ proto }) => proto === undefined || proto === wanted)
      .map(({ first, last }) => [first, last]),
  );
}

function spanOf({ network, prefix }: Cidr): Span {
  return [network, network + 2 ** (32 - prefix) - 1];
}
