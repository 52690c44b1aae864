/**
 * Rules of a policy for tests and benchmarks, in short.
 *
 * @module
 */

import type { PolicyParty, PolicyPorts, PolicyRule } from "../../manifest/policy.ts";
import { parseCidr } from "../../wire/ip/ipv4.ts";

/** `*`, a range, `name:GLOB`, or a host. */
export function party(text: string): PolicyParty {
  if (text === "*") return { kind: "any" };
  if (text.startsWith("name:")) return { kind: "name", glob: text.slice(5) };
  const cidr = parseCidr(text);
  return cidr ? { kind: "range", cidr } : { kind: "host", name: text };
}

/**
 * A rule by `deny a,b -> c,10.0.0.0/8 : 80,100-200/tcp`, without ports for all; it stands in
 * the given line.
 */
export function rule(text: string, line = 1): PolicyRule {
  const [, action, from, to, ports] = /^(allow|deny) (\S+) -> (\S+?)(?: : (\S+))?$/.exec(
    text,
  )!;
  return {
    action: action as PolicyRule["action"],
    from: from!.split(",").map(party),
    to: to!.split(",").map(party),
    ...(ports !== undefined && { ports: ports.split(",").map(portsOf) }),
    at: { file: "mesh.yaml", line, column: 5 },
  };
}

/** Rules by their texts, in lines from 1. */
export function policy(...texts: string[]): PolicyRule[] {
  return texts.map((text, at) => rule(text, at + 1));
}

function portsOf(text: string): PolicyPorts {
  const [range, proto] = text.split("/");
  const [first, last = first] = range!.split("-").map(Number);
  return {
    first: first!,
    last: last!,
    ...(proto && { proto: proto as "tcp" | "udp" }),
  };
}
