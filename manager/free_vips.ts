/**
 * Addresses that were found for hosts, moved away from those that are in use on this
 * machine: another mesh whose manifest leaves out its VIPs has the same ones. From one
 * manifest to the next hosts keep them.
 *
 * @module
 */

import type { HostSpec, Manifest } from "../manifest/manifest.ts";
import { ASSIGNED_VIPS } from "../manifest/vips.ts";
import { isTaken, isTakenEverywhere } from "../proxy/edge/taken.ts";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";

/** Whether this machine cannot listen at `vip` for a host with these ports. */
export type InUse = (vip: number, ports: readonly number[]) => boolean;

/**
 * The manifest with other addresses for hosts whose assigned addresses are in use, if
 * this machine is a host that listens on addresses of the mesh. A host for which no
 * address is free keeps its own.
 */
export function withFreeVips(manifest: Manifest, inUse: InUse = inUseHere()): Manifest {
  const here = manifest.hosts.find(({ transport }) => !transport);
  if (!here || here.loopback.disable) return manifest;
  const taken = new Set(manifest.hosts.map(({ vip }) => vip));
  const isFree = (vip: number, { ports }: HostSpec) =>
    !inUse(vip, ports.map(({ listenPort }) => listenPort));
  const hosts = manifest.hosts.map((host) => {
    if (!host.vipAssigned || isFree(host.vip, host)) return host;
    for (let vip = ASSIGNED_VIPS.first; vip <= ASSIGNED_VIPS.last; vip++) {
      if (taken.has(vip) || !isFree(vip, host)) continue;
      taken.add(vip);
      return { ...host, vip };
    }
    return host;
  });
  return { ...manifest, hosts };
}

/**
 * The manifest in which hosts without a `vip` have the address of the host of their name
 * in the manifest before, unless it is given to another now. A host that is new gets an
 * address that is free in the mesh and, as above, on this machine.
 */
export function withKeptVips(
  before: Manifest,
  next: Manifest,
  inUse: InUse = inUseHere(),
): Manifest {
  const known = new Map(before.hosts.map(({ name, vip }) => [name, vip]));
  const given = next.hosts.filter(({ vipAssigned }) => !vipAssigned);
  const taken = new Set(given.map(({ vip }) => vip));
  const kept = new Map<string, number>();
  for (const { name, vipAssigned } of next.hosts) {
    const vip = known.get(name);
    if (!vipAssigned || vip === undefined || taken.has(vip)) continue;
    taken.add(vip);
    kept.set(name, vip);
  }
  const here = next.hosts.find(({ transport }) => !transport);
  const isHere = here !== undefined && !here.loopback.disable;
  const isFree = (vip: number, { ports }: HostSpec) =>
    !taken.has(vip) &&
    !(isHere && inUse(vip, ports.map(({ listenPort }) => listenPort)));
  const hosts = next.hosts.map((host) => {
    const vip = kept.get(host.name) ?? (host.vipAssigned ? found(host) : host.vip);
    return vip === host.vip ? host : { ...host, vip };
  });
  return hosts.every((host, index) => host === next.hosts[index])
    ? next
    : { ...next, hosts };

  function found(host: HostSpec): number {
    const vip = freeVip(host.vip, (vip) => isFree(vip, host)) ??
      freeVip(host.vip, (vip) => !taken.has(vip));
    if (vip === undefined) throw new Error(`No address is free for "${host.name}"`);
    taken.add(vip);
    return vip;
  }
}

/** The first of the addresses for hosts that is free, `wanted` before all others. */
function freeVip(
  wanted: number,
  isFree: (vip: number) => boolean,
): number | undefined {
  if (isFree(wanted)) return wanted;
  for (let vip = ASSIGNED_VIPS.first; vip <= ASSIGNED_VIPS.last; vip++) {
    if (isFree(vip)) return vip;
  }
}

/** Ports that somebody has on all addresses are no reason to prefer another address. */
export function inUseHere(): InUse {
  const everywhere = new Map<number, boolean>();
  const isEverywhere = (port: number) => {
    let known = everywhere.get(port);
    if (known === undefined) everywhere.set(port, known = isTakenEverywhere(port));
    return known;
  };
  return (vip, ports) =>
    [NAME_SERVER_PORT, ...ports].some((port) =>
      isTaken(formatIpv4(vip), port) && !isEverywhere(port)
    );
}
