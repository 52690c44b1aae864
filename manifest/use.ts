/**
 * Whether anything in the mesh uses what the manifest has.
 *
 * Rules that are added by command use and publish things as those of the manifest do: with
 * them, warnings that nobody does so are looked into again.
 *
 * @module
 */
import { checkEgress } from "./egress.ts";
import { findHost } from "./find_host.ts";
import type { HostSpec, Manifest } from "./manifest.ts";
import { warnOfIdleRules } from "./policy_reach.ts";
import { warnOfNothing, warnOfUnreachable } from "./reach.ts";
import { type Diagnostic, formatDiagnostic, type Position } from "./source/diagnostic.ts";
import { Report } from "./source/report.ts";
import { quote } from "./source/value.ts";

type Mesh = Pick<Manifest, "hosts" | "routes" | "policy">;

const NOTHING_USES_ROUTES =
  `nothing uses these routes: they are for HTTP and SOCKS proxies and egress rules, and ` +
  `no host has one; give a host "http", "socks" or "egress"`;

/** Warns of routes that no host has a use for; `at` is where they begin. */
export function warnOfUnusedRoutes(
  { hosts, routes }: Mesh,
  at: Position,
  report: Report,
): void {
  if (routes.length === 0) return;
  const users = hosts.filter((host) => usesRoutes(host, hosts));
  if (users.length === 0) return report.warn(at, NOTHING_USES_ROUTES);
  for (const { via, at } of routes) {
    if (users.some(({ name }) => name !== via)) continue;
    const message = `nothing uses this route: no host but ${quote(via)} itself has an ` +
      `HTTP or SOCKS proxy, or an egress rule that leads there`;
    report.warn(at, message);
  }
}

function usesRoutes(
  { http, socks, egress = [] }: HostSpec,
  hosts: readonly HostSpec[],
): boolean {
  return http !== undefined || socks !== undefined ||
    egress.some(({ connectHost }) => !findHost(connectHost, hosts));
}

/**
 * The warnings of a manifest that has rules besides: `before` without those that the rules
 * make untrue, and those that they make true.
 *
 * @param isPublished whether the rules publish ports, on which the policy's warnings depend.
 */
export function warningsWithRules(
  before: Manifest,
  after: Mesh,
  isPublished: boolean,
): Diagnostic[] {
  const { warnings, routes } = before;
  const at = warnings.find(({ message }) => message === NOTHING_USES_ROUTES)?.at ??
    routes[0]?.at;
  const [was, is] = [before, after].map((mesh) => warningsOfUse(mesh, at, isPublished));
  return [
    ...warnings.filter((warning) => {
      const key = formatDiagnostic(warning);
      return is!.has(key) || !was!.has(key);
    }),
    ...is!.entries().filter(([key]) => !was!.has(key)).map(([, warning]) => warning),
  ];
}

/** By their text. */
function warningsOfUse(
  mesh: Mesh,
  at: Position | undefined,
  withPolicy: boolean,
): Map<string, Diagnostic> {
  const { hosts, routes, policy } = mesh;
  const file = hosts[0]?.at.file ?? "";
  const [report, nothing] = [new Report(file), new Report(file)];
  if (at) warnOfUnusedRoutes(mesh, at, report);
  checkEgress(hosts, routes, report);
  warnOfUnreachable(hosts, routes, report);
  if (withPolicy && policy) warnOfIdleRules(policy, { hosts, routes }, report);
  // This one is told only if there is no other.
  warnOfNothing(hosts, routes, nothing);
  const all = [...report.finish(), ...report.isEmpty ? nothing.finish() : []];
  return new Map(all.map((warning) => [formatDiagnostic(warning), warning]));
}
