/**
 * From the manifest to each agent's configuration, and the features that its host needs.
 *
 * @module
 */

import { canonicalAddress } from "../manifest/address.ts";
import type { HostSpec, Manifest, ProxySpec } from "../manifest/manifest.ts";
import {
  type ConfigureArgs,
  EGRESS_FEATURE,
  type ExtendArgs,
} from "../wire/control/control.ts";
import { formatCidr, formatIpv4 } from "../wire/ip/ipv4.ts";
import { withoutExceptions } from "../wire/ip/ranges.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import { formatHostPort } from "../wire/text.ts";

/**
 * The arguments of `configure` for a host of a manifest, as NoRouter would send them but for
 * `tellNames`.
 *
 * A proxy that asks for a password is not among them, since an agent that knows nothing
 * of passwords would open it to everybody; see {@linkcode extendArgs}. Ranges that a route
 * excepts are taken out of its `toCIDR`, so that every agent obeys them.
 */
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
    ...(http && !http.auth && { http: { listen: http.listen } }),
    ...(socks && !socks.auth && { socks: { listen: socks.listen } }),
    loopback: { disable: host.loopback.disable },
    stateDir: {
      ...(stateDir.pathOnAgent !== undefined && { path: stateDir.pathOnAgent }),
      disable: stateDir.disable,
    },
    writeEtcHosts: host.writeEtcHosts,
    routes: manifest.routes.map((route) => ({
      toCIDR: withoutExceptions(route.cidrs, route.notCidrs).map(formatCidr),
      toHostnameGlob: [...route.globs],
      via: formatIpv4(vipOf(manifest, route.via)),
    })),
    nameServers: manifest.hosts.map(({ vip }) => ({
      ip: formatIpv4(vip),
      port: NAME_SERVER_PORT,
      proto: "tcp",
    })),
    tellNames: true,
  };
}

/**
 * The arguments of `extend` for a host, or nothing if `configure` says all: proxies
 * that ask for a password, the names that routes except, which names are aliases, for whom
 * the name server resolves, and the addresses that lead into the mesh.
 */
export function extendArgs(manifest: Manifest, host: HostSpec): ExtendArgs | undefined {
  const http = withAuth(host.http);
  const socks = withAuth(host.socks);
  const exceptions = isConcerned(manifest, host) ? nameExceptions(manifest) : [];
  const aliases = manifest.hosts.flatMap(({ aliases }) => aliases);
  const resolveFor = host.resolveFor.map((name) =>
    name === "*" ? name : formatIpv4(vipOf(manifest, name))
  );
  const egress = (host.egress ?? []).map((rule) => ({
    proto: rule.proto,
    listen: formatHostPort(canonicalAddress(rule.listenHost), rule.listenPort),
    connect_host: rule.connectHost,
    connect_port: rule.connectPort,
  }));
  const args: ExtendArgs = {
    ...(http && { http }),
    ...(socks && { socks }),
    ...(exceptions.length > 0 && { exceptions }),
    ...(aliases.length > 0 && { aliases }),
    ...(resolveFor.length > 0 && { resolveFor }),
    ...(egress.length > 0 && { egress }),
  };
  return Object.keys(args).length > 0 ? args : undefined;
}

function withAuth(proxy: ProxySpec | undefined): ExtendArgs["http"] {
  if (!proxy?.auth) return undefined;
  const { listen, auth: { username, password } } = proxy;
  return { listen, auth: { username, password } };
}

function nameExceptions(manifest: Manifest): NonNullable<ExtendArgs["exceptions"]> {
  return manifest.routes.flatMap(({ notGlobs }, route) =>
    notGlobs.length > 0 ? [{ route, hostnames: [...notGlobs] }] : []
  );
}

/**
 * Whether routes matter to a host: to its proxies, to its egress, or to its dialling for
 * others.
 */
function isConcerned(manifest: Manifest, host: HostSpec): boolean {
  return hasProxy(host) || hasEgress(host) ||
    manifest.routes.some(({ via }) => via === host.name);
}

function hasEgress({ egress = [] }: HostSpec): boolean {
  return egress.length > 0;
}

function hasProxy({ http, socks }: HostSpec): boolean {
  return http !== undefined || socks !== undefined;
}

/** Features that an agent needs to serve a host, and features whose lack is only told. */
export interface NeededFeatures {
  /** An agent that lacks any of these is refused. */
  readonly required: readonly string[];
  /** An agent that lacks any of these causes a warning. */
  readonly wanted: readonly string[];
}

/** The features that the manifest asks of a host's agent. */
export function neededFeatures(manifest: Manifest, host: HostSpec): NeededFeatures {
  const { http, socks, loopback, stateDir } = host;
  const asksPassword = http?.auth !== undefined || socks?.auth !== undefined;
  const routed = hasProxy(host) && manifest.routes.length > 0;
  const required: [string, boolean][] = [
    ["tcp", true],
    ["loopback.disable", loopback.disable],
    ["extend", asksPassword],
    [EGRESS_FEATURE, hasEgress(host)],
  ];
  const wanted: [string, boolean][] = [
    ["loopback", !loopback.disable],
    ["http", http !== undefined],
    ["socks", socks !== undefined],
    ["routes", routed],
    [
      "extend",
      !asksPassword && isConcerned(manifest, host) && nameExceptions(manifest).length > 0,
    ],
    ["resolveFor", host.resolveFor.length > 0 && !host.resolveFor.includes("*")],
    ["hostaliases", stateDir.pathOnAgent !== undefined && !stateDir.disable],
    ["etchosts", host.writeEtcHosts],
  ];
  return { required: asked(required), wanted: asked(wanted) };
}

function asked(features: readonly [string, boolean][]): string[] {
  return features.filter(([, isAsked]) => isAsked).map(([feature]) => feature);
}

/** The lack of these features in words, to stand after `its agent `. */
export function describeLack(features: readonly string[]): string {
  const known = features.filter((feature) =>
    feature !== "extend" && feature !== EGRESS_FEATURE
  );
  return [
    ...(known.length > 0 ? [`lacks what its host needs: ${known.join(", ")}`] : []),
    ...(features.includes("extend")
      ? [
        `cannot ask for the password that "auth" of its host wants (feature extend): ` +
        `install this version of norouter there, or leave "auth" out`,
      ]
      : []),
    ...(features.includes(EGRESS_FEATURE)
      ? [
        `cannot listen for the "egress" of its host (feature egress): install this version ` +
        `of norouter there, or leave "egress" out`,
      ]
      : []),
  ].join("; it ");
}

function vipOf(manifest: Manifest, name: string): number {
  const host = manifest.hosts.find((host) => host.name === name);
  if (!host) throw new Error(`No host "${name}" in ${manifest.path}`);
  return host.vip;
}
