/**
 * Rules that were added to a manifest by command: they are checked as if they stood in
 * `ingress` or `egress` of their host, and their faults have a place in the text of the
 * command.
 *
 * @module
 */
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { canonicalAddress, LOCALHOST } from "./address.ts";
import { checkEgress } from "./egress.ts";
import { findHost } from "./find_host.ts";
import { refuseOtherAddresses } from "./ingress.ts";
import type { EgressSpec, HostSpec, Manifest, PortSpec } from "./manifest.ts";
import { joinPorts } from "./ports.ts";
import { formatRule, type ForwardRule, parseRule } from "./rule_text.ts";
import { ManifestError, type Position } from "./source/diagnostic.ts";
import { Report } from "./source/report.ts";
import { quote } from "./source/value.ts";
import { warningsWithRules } from "./use.ts";

/** Where the clients of a rule are: in the mesh, or on the host. */
export type RuleKind = "ingress" | "egress";

/** A rule of a host. */
export interface HostRule {
  /** The host's name. */
  readonly host: string;
  /** Whether clients come from the mesh (`ingress`) or are on the host (`egress`). */
  readonly kind: RuleKind;
  /** The rule. */
  readonly rule: ForwardRule;
}

/** The place, in messages, of a rule that was added. */
export function rulePlace(kind: RuleKind, text: string): Position {
  return { file: `proxy add ${kind} ${text}`, line: 0, column: 0 };
}

/** Reads a rule. @throws {ManifestError} with the fault of a wrong text. */
export function readRule(kind: RuleKind, rule: string | ForwardRule): ForwardRule {
  const text = typeof rule === "string" ? rule : formatRule(rule);
  const parsed = parseRule(text);
  if (typeof parsed !== "string") return parsed;
  const at = rulePlace(kind, text);
  throw new ManifestError([{ severity: "error", at, message: parsed, failsCheck: true }]);
}

/** The shortest text of a rule, the same for rules that mean the same. */
export function textOfRule({ kind, rule }: Pick<HostRule, "kind" | "rule">): string {
  const { listenHost, ...rest } = rule;
  // The only address of ingress is that of its host.
  if (kind === "ingress" || listenHost === undefined) return formatRule(rest);
  const address = canonicalAddress(listenHost);
  return formatRule(address === LOCALHOST ? rest : { ...rest, listenHost: address });
}

/** Whether two rules are the same rule of the same host. */
export function isSameRule(one: HostRule, other: HostRule): boolean {
  return one.host === other.host && one.kind === other.kind &&
    textOfRule(one) === textOfRule(other);
}

/**
 * The manifest with rules besides its own. What is doubtful about them is added to its
 * warnings, and what they put right, such as routes that nothing used, is left out.
 *
 * @throws {ManifestError} with every fault of the rules.
 */
export function withRules(manifest: Manifest, rules: readonly HostRule[]): Manifest {
  if (rules.length === 0) return manifest;
  const report = new Report(manifest.path);
  for (const each of rules) {
    if (manifest.hosts.some(({ name }) => name === each.host)) continue;
    const message = `there is no host ${quote(each.host)}`;
    report.error(placeOf(each), message);
  }
  const hosts = manifest.hosts.map((host) =>
    withRulesOf(host, rules.filter((rule) => rule.host === host.name), report)
  );
  checkEgress(hosts, manifest.routes, report);
  report.finish();
  const ruled = { ...manifest, hosts };
  const isPublished = rules.some(({ kind }) => kind === "ingress");
  return { ...ruled, warnings: warningsWithRules(manifest, ruled, isPublished) };
}

/** A rule of a host, with where it stands. */
export interface PlacedRule extends HostRule {
  /** Where the manifest has it. */
  readonly at: Position;
}

/** Every rule of a manifest; `ports` are ingress. */
export function rulesIn({ hosts }: Manifest): PlacedRule[] {
  return hosts.flatMap(({ name: host, ports, egress = [] }) => [
    ...ports.map(({ at, text: _, ...rule }): PlacedRule => ({
      host,
      kind: "ingress",
      rule,
      at,
    })),
    ...egress.map(({ at, ...rule }): PlacedRule => ({ host, kind: "egress", rule, at })),
  ]);
}

/** The name of the host that a text names; the text itself if there is none. */
export function nameOfHost(text: string, { hosts }: Manifest): string {
  return findHost(text, hosts)?.name ?? text;
}

function placeOf({ kind, rule }: HostRule): Position {
  return rulePlace(kind, formatRule(rule));
}

function withRulesOf(
  host: HostSpec,
  rules: readonly HostRule[],
  report: Report,
): HostSpec {
  if (rules.length === 0) return host;
  const ports: PortSpec[] = [];
  const egress: EgressSpec[] = [];
  for (const each of rules) {
    const at = placeOf(each);
    const { listenHost, ...port } = each.rule;
    if (each.kind === "egress") {
      egress.push({ listenHost: LOCALHOST, ...each.rule, at });
      continue;
    }
    const text = formatRule(each.rule);
    ports.push({ ...port, at, text });
    if (listenHost === undefined || parseIpv4(listenHost) === host.vip) continue;
    const vip = host.vipAssigned ? undefined : host.vip;
    refuseOtherAddresses([{ listenHost, text, at }], vip, report);
  }
  const all = [...host.egress ?? [], ...egress];
  return {
    ...host,
    ports: joinPorts([...host.ports, ...ports], report),
    ...(all.length > 0 && { egress: all }),
  };
}
