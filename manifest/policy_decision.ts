/**
 * Which rule of a policy decides about a connection, rule by rule: the definition, for
 * people's questions and for tests. The router has a fast one of its own.
 *
 * @module
 */
import { hostGlob } from "../wire/glob.ts";
import { contains } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import type { PolicyParty, PolicyRule } from "./policy.ts";

/** A connection that is about to be opened. */
export interface PolicyQuestion {
  /** Name of the host that opens it. */
  readonly from: string;
  /** VIP of that host. */
  readonly fromAddress: number;
  /** Name of the host it leads to; absent for what lies behind routes. */
  readonly to?: string;
  /** The address it leads to; absent where only a name is known. */
  readonly address?: number;
  /** Names by which a routed destination is asked for. */
  readonly names?: readonly string[];
  /** The port there: the published one at a VIP, the real one behind a route. */
  readonly port: number;
  readonly proto: "tcp" | "udp";
  /** Whether the host `to` publishes the port, which then is no name server of the mesh. */
  readonly isPublished?: boolean;
}

/** What becomes of a connection. */
export interface PolicyDecision {
  readonly action: "allow" | "deny";
  /** Index of the rule that decides, from 0; absent where none matches. */
  readonly index?: number;
  /** True for the name servers of the mesh, which no rule is about. */
  readonly isExempt?: true;
  /** Indexes of rules before it that would decide, if the unknown address is in a range. */
  readonly unsure: readonly number[];
}

/** Decides by the first rule that matches; without one, the connection is allowed. */
export function decidePolicy(
  policy: readonly PolicyRule[],
  question: PolicyQuestion,
): PolicyDecision {
  const { to, port, isPublished = false } = question;
  if (to !== undefined && port === NAME_SERVER_PORT && !isPublished) {
    return { action: "allow", isExempt: true, unsure: [] };
  }
  const unsure: number[] = [];
  for (const [index, rule] of policy.entries()) {
    const isMatch = matches(rule, question);
    if (isMatch) return { action: rule.action, index, unsure };
    if (isMatch === undefined) unsure.push(index);
  }
  return { action: "allow", unsure };
}

/** Whether the rule is about the connection; undefined if its address would tell. */
function matches(
  { from, to, ports }: PolicyRule,
  { proto, port, ...question }: PolicyQuestion,
): boolean | undefined {
  const opener = {
    host: question.from,
    address: question.fromAddress,
    names: [],
  };
  const target = {
    host: question.to,
    address: question.address,
    names: question.names ?? [],
  };
  const isPort = !ports ||
    ports.some((each) =>
      port >= each.first && port <= each.last && (each.proto ?? proto) === proto
    );
  if (!isPort || !anyOf(from, opener)) return false;
  return anyOf(to, target);
}

/** One end of a connection. */
interface End {
  readonly host: string | undefined;
  readonly address: number | undefined;
  readonly names: readonly string[];
}

function anyOf(parties: readonly PolicyParty[], end: End): boolean | undefined {
  const answers = parties.map((party) => isParty(party, end));
  return answers.includes(true) || (answers.includes(undefined) ? undefined : false);
}

function isParty(party: PolicyParty, { host, address, names }: End): boolean | undefined {
  switch (party.kind) {
    case "any":
      return true;
    case "host":
      return party.name === host;
    case "range":
      return address === undefined ? undefined : contains(party.cidr, address);
    case "name":
      return names.some(hostGlob(party.glob));
  }
}
