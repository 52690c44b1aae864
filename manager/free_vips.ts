/**
 * Addresses that were found for hosts, moved away from those that are in use on this
 * machine: another mesh whose manifest leaves out its VIPs has the same ones.
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
