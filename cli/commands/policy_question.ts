/**
 * `norouter check --policy 'me -> far:8080/tcp'`: which rule of the policy decides.
 *
 *   "laptop -> db:5432"             TCP, unless the question says otherwise
 *   "laptop -> 127.0.42.102:22/tcp" a host is also named by an alias or its VIP
 *   "laptop -> 10.1.2.3:443"        an address behind a route
 *   "laptop -> db.internal:443"     a name that a route leads to
 *
 * @module
 */
import { canonicalName, findHost, nearHost } from "../../manifest/find_host.ts";
import type { HostSpec, Manifest, RouteSpec } from "../../manifest/manifest.ts";
import { decidePolicy, type PolicyQuestion } from "../../manifest/policy_decision.ts";
import { portFault } from "../../manifest/ports.ts";
import { formatPosition } from "../../manifest/source/diagnostic.ts";
import { quote } from "../../manifest/source/value.ts";
import { hostGlob } from "../../wire/glob.ts";
import { contains, parseIpv4 } from "../../wire/ip/ipv4.ts";

/** A question as its text says. */
export interface AskedPolicy {
  /** A host. */
  readonly from: string;
  /** A host, or what lies behind a route. */
  readonly to: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly proto: "tcp" | "udp";
}

const FORM = `wanted 'HOST -> DESTINATION:PORT', like 'laptop -> db:5432/tcp'`;

/** Reads a question; gives the fault of a wrong text. */
export function parseQuestion(text: string): AskedPolicy | string {
  const parts = /^\s*(\S+)\s*->\s*([^\s:]+):([^\s:/]*)(?:\/(\S*))?\s*$/.exec(text);
  if (!parts) return `${quote(text)} is no question of the policy; ${FORM}`;
  const [, from = "", to = "", port = "", proto = "tcp"] = parts;
  const fault = portFault(port) ??
    (proto === "tcp" || proto === "udp"
      ? undefined
      : `the protocol ${quote(proto)} is not known`);
  if (fault) return `${quote(text)} is no question of the policy: ${fault}; ${FORM}`;
  return { from, to, port: Number(port), proto: proto as "tcp" | "udp" };
}

/** The answer in a line, or the fault of a question that the manifest cannot answer. */
export function answerPolicy(
  manifest: Manifest,
  asked: AskedPolicy,
): { readonly answer: string } | { readonly fault: string } {
  const { hosts, policy = [] } = manifest;
  const from = findHost(asked.from, hosts);
  if (!from) {
    const near = nearHost(asked.from, hosts);
    return { fault: `${quote(asked.from)} is not a host of ${manifest.path}${near}` };
  }
  const target = findTarget(asked.to, manifest);
  if ("fault" in target) return target;
  const { host, ...rest } = target;
  const { port, proto } = asked;
  const subject = `${from.name} -> ${host?.name ?? asked.to}:${port}/${proto}`;
  if (host === from) {
    return { answer: `${subject}: allowed, as it does not pass the mesh` };
  }
  const isPublished = host?.ports.some(({ listenPort }) => listenPort === port) ?? false;
  const question: PolicyQuestion = {
    from: from.name,
    fromAddress: from.vip,
    ...(host && { to: host.name }),
    ...rest,
    port,
    proto,
    isPublished,
  };
  const { action, index, isExempt, unsure } = decidePolicy(policy, question);
  const placeOf = (index: number) => formatPosition(policy[index]!.at);
  const done = action === "allow" ? "allowed" : "denied";
  const why = isExempt
    ? ", as everybody may ask the name servers of the mesh"
    : index === undefined
    ? policy.length === 0 ? ", as there is no policy" : ", as no rule matches"
    : ` by the rule at ${placeOf(index)}`;
  const unless = unsure.filter((each) => policy[each]!.action !== action).map((each) =>
    `; unless the address of this name is in a range of the rule at ${placeOf(each)}`
  );
  return { answer: [`${subject}: ${done}${why}`, ...unless, noteOf()].join("") };

  function noteOf(): string {
    if (proto === "udp") return "; the mesh carries no UDP yet";
    if (!host || isExempt || isPublished) return "";
    return `; ${quote(host.name)} does not publish this port`;
  }
}

/** What a destination is. */
type Target =
  | { readonly host: HostSpec; readonly address: number }
  | { readonly host?: undefined; readonly address: number }
  | { readonly host?: undefined; readonly names: readonly string[] }
  | { readonly fault: string };

function findTarget(text: string, { hosts, routes, path }: Manifest): Target {
  const host = findHost(text, hosts);
  if (host) return { host, address: host.vip };
  const near = nearHost(text, hosts);
  const address = parseIpv4(text);
  if (address !== undefined) {
    const isThere = routes.some((route) => leadsToAddress(route, address));
    if (isThere) return { address };
    return {
      fault: `${quote(text)} is no VIP, and no route of ${path} leads there${near}`,
    };
  }
  if (routes.some((route) => leadsToName(route, text))) {
    return { names: [canonicalName(text)] };
  }
  const hint = near || "; if its address lies behind a route, ask about the address";
  return {
    fault: `${quote(text)} is no host, and no route of ${path} has the name${hint}`,
  };
}

function leadsToAddress({ cidrs, notCidrs }: RouteSpec, address: number): boolean {
  const isIn = (ranges: RouteSpec["cidrs"]) =>
    ranges.some((range) => contains(range, address));
  return isIn(cidrs) && !isIn(notCidrs);
}

function leadsToName({ globs, notGlobs }: RouteSpec, name: string): boolean {
  const isIn = (patterns: readonly string[]) =>
    patterns.some((pattern) => hostGlob(pattern)(name));
  return isIn(globs) && !isIn(notGlobs);
}
