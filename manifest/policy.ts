/**
 * Policy: who may connect to whom, as a manifest says it.
 *
 * The first rule that matches a new connection decides; where none does, it is allowed.
 *
 * @module
 */

import type { Cidr } from "../wire/ip/ipv4.ts";
import type { Position } from "./source/diagnostic.ts";

/** One side of a connection, as a rule names it. */
export type PolicyParty =
  | {
    /** Anybody. */
    readonly kind: "any";
  }
  | {
    /** A host of the mesh, as opener or by its VIP. */
    readonly kind: "host";
    /** Its name in the manifest. */
    readonly name: string;
  }
  | {
    /** The addresses of a range: VIPs, and addresses behind routes. */
    readonly kind: "range";
    /** The range. */
    readonly cidr: Cidr;
  }
  | {
    /** Routed names. Only in `to`. */
    readonly kind: "name";
    /** A pattern of `wire/glob.ts`, in lower case. */
    readonly glob: string;
  };

/** Ports of a rule: the published ones at VIPs, the real ones behind routes. */
export interface PolicyPorts {
  /** First port, 1 to 65535. */
  readonly first: number;
  /** Last port, which belongs to them. */
  readonly last: number;
  /** The protocol; any if absent. */
  readonly proto?: "tcp" | "udp";
}

/** A rule of the manifest's `policy`. */
export interface PolicyRule {
  /** What becomes of a connection that matches. */
  readonly action: "allow" | "deny";
  /** Who opens it: any of these. */
  readonly from: readonly PolicyParty[];
  /** Where it leads: any of these. */
  readonly to: readonly PolicyParty[];
  /** Its destination port is any of these; absent: all. */
  readonly ports?: readonly PolicyPorts[];
  /** Where the manifest has the rule. */
  readonly at: Position;
}
