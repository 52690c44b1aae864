/**
 * Policy: the rules of a manifest's `policy`, compiled so that a connection is decided in a few
 * microseconds, whatever their number.
 *
 * The first rule that matches decides; where none does, the connection is allowed. For each
 * opener the rules that name the opener are gathered once. Of these, each in turn is asked
 * by port and by destination, in the logarithm of its ranges, and the decision is
 * remembered for destinations that no name leads to.
 *
 * @module
 */

import type { PolicyParty, PolicyPorts, PolicyRule } from "../../manifest/policy.ts";
import type { Cidr } from "../../wire/ip/ipv4.ts";
import { PolicyNames } from "./names.ts";
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

/** The rules of an opener, and its decisions by destination, port and protocol. */
interface Opener {
  readonly rules: readonly CompiledRule[];
  readonly known: Map<number, Decision>;
}

/**
 * Compiled rules, which never change. Of the openings of one policy, the hosts have to follow
 * from the addresses.
 */
export class Policy {
  readonly #rules: readonly CompiledRule[];
  readonly #names = new PolicyNames();
  readonly #hasNames: boolean;
  readonly #openers = new Map<string, Opener>();
  #remembered = 0;

  /** Compiles rules. */
  constructor(rules: readonly PolicyRule[]) {
    this.#rules = rules.map((rule, index) => new CompiledRule(rule, index));
    let hasNames = false;
    for (const [index, { to }] of rules.entries()) {
      for (const party of to) {
        if (party.kind !== "name") continue;
        this.#names.add(party.glob, index);
        hasNames = true;
      }
    }
    this.#hasNames = hasNames;
  }

  /** Decides a connection. */
  decide(opening: Opening): Decision {
    const opener = this.#openerOf(opening);
    if (this.#hasNames && opening.names.length > 0) return this.#find(opener, opening);
    const { address, port, proto } = opening;
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

  #find({ rules }: Opener, opening: Opening): Decision {
    const { to, address, names, port, proto } = opening;
    const named = this.#hasNames
      ? names.map((name) => this.#names.rulesOf(name)).filter(({ size }) => size > 0)
      : [];
    for (const rule of rules) {
      if (!rule.hasPort(port, proto)) continue;
      if (rule.to.has(to, address) || named.some((some) => some.has(rule.index))) {
        return rule.decision;
      }
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
    const opener = { rules, known: new Map<number, Decision>() };
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
  readonly #tcp: Spans | undefined;
  readonly #udp: Spans | undefined;

  constructor({ action, from, to, ports }: PolicyRule, index: number) {
    this.index = index;
    this.decision = { action, rule: index };
    this.from = new Parties(from);
    this.to = new Parties(to);
    this.#tcp = ports && portsOf(ports, "tcp");
    this.#udp = ports && portsOf(ports, "udp");
  }

  hasPort(port: number, proto: "tcp" | "udp"): boolean {
    const ports = proto === "tcp" ? this.#tcp : this.#udp;
    return ports === undefined || ports.has(port);
  }
}

/** One side of a rule, without its names. */
class Parties {
  readonly #isAny: boolean;
  readonly #hosts: ReadonlySet<string>;
  readonly #ranges: Spans;

  constructor(parties: readonly PolicyParty[]) {
    this.#isAny = parties.some(({ kind }) => kind === "any");
    this.#hosts = new Set(
      parties.flatMap((party) => party.kind === "host" ? [party.name] : []),
    );
    this.#ranges = new Spans(
      parties.flatMap((party) => party.kind === "range" ? [spanOf(party.cidr)] : []),
    );
  }

  has(host: string | undefined, address: number): boolean {
    return this.#isAny || host !== undefined && this.#hosts.has(host) ||
      this.#ranges.has(address);
  }
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
