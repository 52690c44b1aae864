/**
 * From the manifest to what each agent is told, and what it must be able to do.
 *
 * @module
 */

import type { HostSpec, Manifest } from "../manifest/manifest.ts";
import type { ConfigureArgs } from "../wire/control.ts";
import { formatCidr, formatIpv4 } from "../wire/ipv4.ts";

/** The port of the name server that each agent has on its VIP. */
const DNS_PORT = 10053;

/** The arguments of `configure` for one host of a manifest, as NoRouter would send them. */
export function configureArgs(manifest: Manifest, host: HostSpec): ConfigureArgs {
  const { http, socks, stateDir } = host;
  return {
    me: formatIpv4(host.vip),
    forwards: host.ports.map((port) => ({
      listen_port: port.listenPort,
      connect_ip: port.connectHost,
      connect_port: port.connectPort,
      proto: port.proto,
    })),
    others: manifest.hosts.filter((other) => other !== host).flatMap((other) =>
      other.ports.map((port) => ({
        ip: formatIpv4(other.vip),
        port: port.listenPort,
        proto: port.proto,
      }))
    ),
    hostnameMap: Object.fromEntries(
      manifest.hosts.flatMap(({ name, aliases, vip }) =>
        [name, ...aliases].map((known) => [known, formatIpv4(vip)])
      ),
    ),
    ...(http && { http: { listen: http.listen } }),
    ...(socks && { socks: { listen: socks.listen } }),
    loopback: { disable: host.loopback.disable },
    stateDir: {
      ...(stateDir.pathOnAgent !== undefined && { path: stateDir.pathOnAgent }),
      disable: stateDir.disable,
    },
    writeEtcHosts: host.writeEtcHosts,
    routes: manifest.routes.map((route) => ({
      toCIDR: route.cidrs.map(formatCidr),
      toHostnameGlob: [...route.globs],
      via: formatIpv4(vipOf(manifest, route.via)),
    })),
    nameServers: manifest.hosts.map(({ vip }) => ({
      ip: formatIpv4(vip),
      port: DNS_PORT,
      proto: "tcp",
    })),
  };
}

/** Features without which an agent cannot serve this host, and those it will be missed for. */
export interface NeededFeatures {
  /** An agent lacking one of these is refused. */
  readonly required: readonly string[];
  /** An agent lacking one of these is warned about. */
  readonly wanted: readonly string[];
}

/** What the manifest asks of a host's agent. */
export function neededFeatures(manifest: Manifest, host: HostSpec): NeededFeatures {
  const hasProxy = host.http !== undefined || host.socks !== undefined;
  const asked: [string, boolean][] = [
    ["loopback", !host.loopback.disable],
    ["http", host.http !== undefined],
    ["socks", host.socks !== undefined],
    ["routes", hasProxy && manifest.routes.length > 0],
    ["hostaliases", host.stateDir.pathOnAgent !== undefined && !host.stateDir.disable],
    ["etchosts", host.writeEtcHosts],
  ];
  return {
    required: host.loopback.disable ? ["tcp", "loopback.disable"] : ["tcp"],
    wanted: asked.filter(([, isAsked]) => isAsked).map(([feature]) => feature),
  };
}

function vipOf(manifest: Manifest, name: string): number {
  const host = manifest.hosts.find((host) => host.name === name);
  if (!host) throw new Error(`No host "${name}" in ${manifest.path}`);
  return host.vip;
}
