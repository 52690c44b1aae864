/**
 * Description: a host as a manifest describes the host, compiled: the way to the host, the
 * greeting of its agent, and the part that is the host's own.
 *
 * A host whose own part changes has to be started anew, for an agent takes one
 * configuration in its life. Its own part is how the host is reached, its VIP, its ports,
 * its proxies, for whom it resolves, its files, and the routes that lead through the host,
 * since its agent dials nothing else.
 *
 * All hosts are told the rest: the names, ports and name servers of the others, and the
 * routes through others. No request of today's protocol tells an agent anew. So a host of
 * which only the rest changed goes on, and **its agent goes by what it was told until it
 * ends**; the next agent gets the greeting of the manifest in force:
 *
 * - it does not listen for ports of the others that are new, and listens on for those that
 *   are gone; who connects there is refused by the router;
 * - its name server and its proxies know neither new names nor new routes, and a name
 *   whose VIP changed leads to where it led, also if another host has that VIP now.
 *
 * The router goes by the manifest in force at once, for the packets of every host.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";
import type { Transport } from "../../transports/mod.ts";
import { configureArgs, extendArgs, neededFeatures } from "../configure.ts";
import type { GreetingPlan } from "../greeting.ts";
import { type Reach, reachOf } from "../reach.ts";

/** A manifest, and the transports that its hosts name, by name. */
export interface Described {
  readonly manifest: Manifest;
  readonly transports: ReadonlyMap<string, Transport>;
  /** Hosts that are started anew although they may be the same. None if absent. */
  readonly anew?: ReadonlySet<string>;
}

/** A host of a manifest, compiled. Never changes. */
export interface Description {
  /** Its entry. */
  readonly spec: HostSpec;
  /** The way to the host. */
  readonly reach: Reach;
  /** What its agent is told, and has to know. */
  readonly greeting: GreetingPlan;
  /** The transport that opens its links; absent for this machine. */
  readonly transport: Transport | undefined;
  /** The host's own part, to be compared by value. */
  readonly own: readonly unknown[];
}

/** Compiles the description of a host of the manifest. Throws if a transport is missing. */
export function describeHost(
  spec: HostSpec,
  { manifest, transports }: Described,
): Description {
  const extend = extendArgs(manifest, spec);
  const greeting: GreetingPlan = {
    configure: configureArgs(manifest, spec),
    ...(extend && { extend }),
    needed: neededFeatures(manifest, spec),
  };
  return {
    spec,
    reach: reachOf(spec, transports),
    greeting,
    transport: spec.transport && transports.get(spec.transport.name),
    own: ownPart(manifest, spec, greeting),
  };
}

/**
 * Whether a host of the one description is the host of the other. Values count, and the
 * identity of the transport, which is code.
 */
export function isSameHost(one: Description, other: Description): boolean {
  return one.transport === other.transport && isDeepStrictEqual(one.own, other.own);
}

/** Places in the file are not part of it: a host that moved down a line is the same. */
function ownPart(
  { routes }: Manifest,
  { name, transport, install, installPath, connectTimeout, resume }: HostSpec,
  { configure, extend }: GreetingPlan,
): unknown[] {
  // Arguments that are not named here are the host's own, also those of later.
  const { others: _o, hostnameMap: _h, routes: _r, nameServers: _n, ...own } = configure;
  const { aliases: _a, exceptions: _e, ...extended } = extend ?? {};
  const through = routes.filter(({ via }) => via === name)
    .map(({ cidrs, globs, notCidrs, notGlobs }) => ({
      cidrs,
      globs,
      notCidrs,
      notGlobs,
    }));
  // The options follow from the value, and from the folder of the manifest.
  const way = [transport?.spec, transport?.options, install, installPath];
  return [way, connectTimeout, resume, own, extended, through];
}
