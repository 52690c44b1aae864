/**
 * Published ports, as far as an agent has to know them beyond its own targets.
 *
 * @module
 */

import type { Target } from "../proxy/connector.ts";
import { isTakenEverywhere } from "../proxy/edge/taken.ts";
import type { ConfigureArgs } from "../wire/control/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";

/**
 * Whether clients of an address that is in use reach the target all the same, because the
 * target is this machine's own and listens on every address.
 */
export function isServedBy(target: Target, { hostname, port }: Target): boolean {
  if (target.port !== port) return false;
  if (target.hostname === hostname) return true;
  const address = parseIpv4(target.hostname);
  const isOwn = address === undefined
    ? ["localhost", "::1", "::"].includes(target.hostname)
    : address >>> 24 === 127 || address === 0;
  return isOwn && isTakenEverywhere(port);
}

/** The ports that the other hosts publish, by VIP; a host without has an empty list. */
export function publishedBy(
  { hostnameMap, others }: ConfigureArgs,
): Map<number, number[]> {
  const published = new Map<number, number[]>();
  for (const vip of Object.values(hostnameMap)) published.set(parseIpv4(vip)!, []);
  for (const { ip, port } of others) published.get(parseIpv4(ip)!)?.push(port);
  return published;
}
