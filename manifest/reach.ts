/**
 * Whether disabled loopback leaves hosts that nobody reaches, or that have no part at
 * all.
 *
 * A host's programs get into the mesh by its loopback listeners, by a proxy of its own, or
 * by its egress rules. Having none of these is no fault of a host that only publishes ports, for other hosts reach
 * these. A warning is due where there are no other hosts, or the host publishes nothing.
 *
 * @module
 */
import type { HostSpec, RouteSpec } from "./manifest.ts";
import type { Report } from "./source/report.ts";
import { quote } from "./source/value.ts";

/** Warns of hosts that disabled loopback makes useless. */
export function warnOfUnreachable(
  hosts: readonly HostSpec[],
  routes: readonly RouteSpec[],
  report: Report,
): void {
  const [first, ...more] = hosts.filter(hasWayIn);
  if (!first) {
    const at = hosts[0]?.at;
    const message =
      `nothing can be reached in this mesh: loopback is disabled on every ` +
      `host, and none has an HTTP or SOCKS proxy`;
    if (at) report.warn(at, message);
    return;
  }
  if (more.length === 0 && hosts.length > 1 && first.ports.length > 0) {
    report.warn(
      first.at,
      `no other host can reach the ports of ${quote(first.name)}: loopback is disabled ` +
        `on all of them, and none has an HTTP or SOCKS proxy`,
    );
  }
  for (const host of hosts) {
    if (hasWayIn(host)) continue;
    if (host.ports.length > 0 || routes.some(({ via }) => via === host.name)) continue;
    report.warn(
      host.at,
      `${
        quote(host.name)
      } has no part in this mesh: it publishes no port, no route goes ` +
        `via it, and with loopback disabled and no HTTP or SOCKS proxy its programs ` +
        `reach nothing`,
    );
  }
}

function hasWayIn({ loopback, http, socks, egress }: HostSpec): boolean {
  return !loopback.disable || Boolean(http || socks || egress?.length);
}

/**
 * Warns of a mesh of several hosts in which there is nothing to connect to, unless there
 * is something else to report.
 */
export function warnOfNothing(
  hosts: readonly HostSpec[],
  routes: readonly RouteSpec[],
  report: Report,
): void {
  const [first, ...more] = hosts;
  if (!report.isEmpty || !first || more.length === 0 || routes.length > 0) return;
  if (hosts.some(({ ports }) => ports.length > 0)) return;
  const remote = hosts.find(({ transport }) => transport) ?? first;
  report.warn(
    remote.at,
    `nothing is published in this mesh: no host has "ports", and there are no "routes"; ` +
      `for a service on port 80 of ${quote(remote.name)} give it ` +
      `ports: ["8080:127.0.0.1:80"]`,
  );
}
