/**
 * Gate: a policy at work. Decides the connections that hosts ask for, counts by rule, and
 * tells of those denied.
 *
 * The name servers of the mesh are exempt, unless a host publishes their port itself; and a
 * host may always connect to itself.
 *
 * @module
 */

import type { PolicyRule } from "../../manifest/policy.ts";
import type { Rules } from "../../manifest/rules.ts";
import { formatPosition } from "../../manifest/source/diagnostic.ts";
import { HEADER_BYTES } from "../../wire/frame.ts";
import type { Frame } from "../../wire/frame.ts";
import { destinationOf, destinationPortOf, sourceOf } from "../../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../../wire/ports.ts";
import type { Flow } from "../flow.ts";
import { type Opening, Policy } from "./policy.ts";

/** A connection that was denied. */
export interface Denial {
  /** Name of the host that asked for it. */
  readonly from: string;
  /** The host that it was for: by VIP, or through a route. */
  readonly to: string;
  /** Whether `to` is only on the way to the address. */
  readonly isRouted: boolean;
  /** The destination. */
  readonly address: number;
  /** Destination port. */
  readonly port: number;
  /** The names that led there, if any. */
  readonly names: readonly string[];
  /** Where the manifest has the rule, `mesh.yaml:12:5`. */
  readonly rule: string;
  /** Its SYN. */
  readonly frame: Frame;
}

/** The connections that a rule has decided so far. */
export interface PolicyRuleStatus {
  /** Its place in the list, from 1. */
  readonly rule: number;
  /** Where the manifest has the rule, `mesh.yaml:12:5`. */
  readonly at: string;
  /** What becomes of a connection that matches. */
  readonly action: "allow" | "deny";
  /** Connections denied; 0 for a rule that allows. */
  readonly denied: number;
  /** Connections allowed; 0 for a rule that denies. */
  readonly allowed: number;
}

/** A SYN to be decided. */
export interface Asked {
  /** Name of the host that sends it. */
  readonly from: string;
  /** The host whose VIP the destination is, or that a route leads to. */
  readonly to: string;
  /** Whether `to` is only on the way. */
  readonly isRouted: boolean;
  /** The names that led there. */
  readonly names: readonly string[];
}

/** Options of a {@linkcode Gate}. */
export interface GateOptions {
  /** Told of each connection that was denied. */
  readonly onDenied?: ((denial: Denial) => void) | undefined;
  /** The gate before, whose counts of the same rules go on. */
  readonly before?: Gate | undefined;
}

/** The rules that a gate goes by. */
export type GateRules = Pick<Rules, "policy"> & Partial<Pick<Rules, "ports">>;

const NO_NAMES: readonly string[] = [];

/** Lets connections pass, or not. */
export class Gate {
  readonly #rules: readonly PolicyRule[];
  readonly #policy: Policy;
  readonly #counts: number[];
  readonly #onDenied: ((denial: Denial) => void) | undefined;
  /** The hosts that publish a port where name servers listen. */
  readonly #unexempted: ReadonlySet<string>;

  /** Compiles the rules. */
  constructor({ policy, ports = [] }: GateRules, { onDenied, before }: GateOptions = {}) {
    this.#rules = policy;
    this.#policy = new Policy(policy);
    this.#onDenied = onDenied;
    this.#unexempted = new Set(
      ports.filter(({ listenPort }) => listenPort === NAME_SERVER_PORT)
        .map(({ host }) => host),
    );
    const counted = before?.counts();
    this.#counts = policy.map((rule) => {
      const key = keyOf(rule);
      const count = counted?.get(key) ?? 0;
      counted?.delete(key); // the first of equal rules has decided
      return count;
    });
  }

  /** Whether the SYN may go on; counts, and tells of a SYN that may not. */
  admits({ from, to, isRouted, names }: Asked, frame: Frame): boolean {
    const packet = frame.bytes;
    const opening: Opening = {
      from,
      fromAddress: sourceOf(packet, HEADER_BYTES),
      to: isRouted ? undefined : to,
      address: destinationOf(packet, HEADER_BYTES),
      names,
      port: destinationPortOf(packet, HEADER_BYTES),
      proto: "tcp",
    };
    if (this.#isExempt(opening)) return true;
    const { action, rule } = this.#policy.decide(opening);
    if (rule !== undefined) this.#counts[rule]!++;
    if (action === "allow") return true;
    const { address, port } = opening;
    const at = formatPosition(this.#rules[rule!]!.at);
    this.#onDenied?.({ from, to, isRouted, address, port, names, rule: at, frame });
    return false;
  }

  /** Whether a connection that is there may not go on. Counts nothing. */
  forbids(flow: Flow, isRouted: boolean): boolean {
    const opening: Opening = {
      from: flow.initiator,
      fromAddress: flow.address,
      to: isRouted ? undefined : flow.via,
      address: flow.foreign,
      names: flow.names ?? NO_NAMES,
      port: flow.foreignPort,
      proto: "tcp",
    };
    return !this.#isExempt(opening) && this.#policy.decide(opening).action === "deny";
  }

  /** The counts, in the order of the rules. */
  status(): PolicyRuleStatus[] {
    return this.#rules.map(({ action, at }, index) => {
      const count = this.#counts[index]!;
      return {
        rule: index + 1,
        at: formatPosition(at),
        action,
        denied: action === "deny" ? count : 0,
        allowed: action === "allow" ? count : 0,
      };
    });
  }

  /** The counts by what a rule says, wherever it stands. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [index, rule] of this.#rules.entries()) {
      const key = keyOf(rule);
      if (!counts.has(key)) counts.set(key, this.#counts[index]!);
    }
    return counts;
  }

  #isExempt({ from, to, port }: Opening): boolean {
    if (to === undefined) return false;
    return to === from || port === NAME_SERVER_PORT && !this.#unexempted.has(to);
  }
}

function keyOf({ at: _, ...said }: PolicyRule): string {
  return JSON.stringify(said);
}
