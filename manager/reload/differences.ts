/**
 * Differences between two manifests, by host and field, for people and programs.
 *
 * Values count, not where they stand in the file or how they are written.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";

/** What is different in a manifest. Hosts are named, in the order of their manifest. */
export interface ManifestChanges {
  /** Hosts that only the next manifest has. */
  readonly added: readonly string[];
  /** Hosts that only the former has. */
  readonly removed: readonly string[];
  /** Hosts of both that are described in another way. */
  readonly changed: readonly HostChange[];
  /** Whether the routes are others, or in another order. */
  readonly routes: boolean;
  /** Whether the policy is another. */
  readonly policy: boolean;
}

/** A host that is described in another way. */
export interface HostChange {
  /** The host's name. */
  readonly host: string;
  /** The fields of the manifest, such as `ports`; a transport's is the transport's name. */
  readonly fields: readonly string[];
}

/** Fields of a host by what the manifest calls them; a check that none is forgotten. */
const FIELDS: { readonly [Field in keyof HostSpec]-?: (spec: HostSpec) => unknown } = {
  name: () => undefined, // by which hosts are compared
  at: () => undefined,
  vip: ({ vip }) => vip,
  vipAssigned: () => undefined,
  transport: ({ transport }) =>
    transport && [transport.name, transport.spec, transport.options],
  ports: ({ ports }) => ports.map(({ at: _, text: _t, ...port }) => port),
  http: ({ http }) => http && { ...http, at: undefined },
  socks: ({ socks }) => socks && { ...socks, at: undefined },
  loopback: ({ loopback }) => loopback,
  stateDir: ({ stateDir }) => stateDir,
  egress: ({ egress = [] }) => egress.map(({ at: _, ...rule }) => rule),
  aliases: ({ aliases }) => aliases,
  resolveFor: ({ resolveFor }) => resolveFor,
  writeEtcHosts: ({ writeEtcHosts }) => writeEtcHosts,
  connectTimeout: ({ connectTimeout }) => connectTimeout,
  resume: ({ resume }) => resume,
  install: ({ install }) => install,
  installPath: ({ installPath }) => installPath,
};

/** Lists what `after` has different from `before`. */
export function differences(before: Manifest, after: Manifest): ManifestChanges {
  const was = new Map(before.hosts.map((host) => [host.name, host]));
  const is = new Set(after.hosts.map(({ name }) => name));
  const changed: HostChange[] = [];
  const added: string[] = [];
  for (const host of after.hosts) {
    const former = was.get(host.name);
    if (!former) added.push(host.name);
    else {
      const fields = fieldsOf(former, host);
      if (fields.length > 0) changed.push({ host: host.name, fields });
    }
  }
  return {
    added,
    removed: before.hosts.map(({ name }) => name).filter((name) => !is.has(name)),
    changed,
    routes: !isDeepStrictEqual(before.routes.map(routeOf), after.routes.map(routeOf)),
    policy: !isDeepStrictEqual(policyOf(before), policyOf(after)),
  };
}

/** Whether nothing is different. */
export function isNothing(
  { added, removed, changed, routes, policy }: ManifestChanges,
): boolean {
  return added.length + removed.length + changed.length === 0 && !routes && !policy;
}

function fieldsOf(before: HostSpec, after: HostSpec): string[] {
  const fields: string[] = [];
  for (const [field, value] of Object.entries(FIELDS)) {
    if (isDeepStrictEqual(value(before), value(after))) continue;
    if (field !== "transport") fields.push(field);
    else fields.push(after.transport?.name ?? before.transport!.name);
  }
  return fields;
}

function routeOf(route: Manifest["routes"][number]): unknown {
  const { via, cidrs, globs, notCidrs, notGlobs } = route;
  return { via, cidrs, globs, notCidrs, notGlobs };
}

function policyOf({ policy = [] }: Manifest): unknown {
  return policy.map(({ at: _, ...rule }) => rule);
}
