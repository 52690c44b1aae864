/**
 * Addresses that were assigned, carried over to the next manifest: a host keeps its own
 * while others come and go around it.
 *
 * @module
 */

import type { HostSpec, Manifest } from "../../manifest/manifest.ts";
import { ASSIGNED_VIPS } from "../../manifest/vips.ts";

/**
 * The manifest with the addresses that hosts of the same name have in `before`, where it
 * leaves the choice to us. An address that the manifest itself gives to a host is that
 * host's; others make way.
 */
export function withCarriedVips(manifest: Manifest, before: Manifest): Manifest {
  const taken = new Set<number>();
  for (const { vip, vipAssigned } of manifest.hosts) if (!vipAssigned) taken.add(vip);
  const carried = new Map<string, number>();
  const open = new Set(
    manifest.hosts.filter(({ vipAssigned }) => vipAssigned).map(({ name }) => name),
  );
  for (const { name, vip } of before.hosts) {
    const isOurs = ASSIGNED_VIPS.first <= vip && vip <= ASSIGNED_VIPS.last;
    if (!open.has(name) || !isOurs || taken.has(vip)) continue;
    carried.set(name, vip);
    taken.add(vip);
  }
  if (carried.size === 0) return manifest;
  const others: HostSpec[] = [];
  for (const host of manifest.hosts) {
    if (!host.vipAssigned || carried.has(host.name)) continue;
    if (taken.has(host.vip)) others.push(host);
    else taken.add(host.vip);
  }
  for (const { name, vip } of others) {
    const free = freeOf(taken) ?? vip;
    carried.set(name, free);
    taken.add(free);
  }
  const hosts = manifest.hosts.map((host) => {
    const vip = carried.get(host.name);
    return vip === undefined ? host : { ...host, vip };
  });
  return { ...manifest, hosts };
}

/** There is one: the manifest's own assignment has fewer hosts than addresses. */
function freeOf(taken: ReadonlySet<number>): number | undefined {
  for (let vip: number = ASSIGNED_VIPS.first; vip <= ASSIGNED_VIPS.last; vip++) {
    if (!taken.has(vip)) return vip;
  }
}
