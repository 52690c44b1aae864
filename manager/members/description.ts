/**
 * Description: a host as a manifest describes the host, compiled: the way to the host, and
 * the greeting of its agent.
 *
 * Of two descriptions of a host, the next one in force takes the place of the last so:
 *
 * - **The way** differs: how the host is reached (its transport, `install`, `installPath`),
 *   its VIP, or `resume`, which its agent cannot change. The host is started anew.
 * - **The greeting** differs. An agent with the feature `update` is brought to the next one
 *   while it runs, and nothing but the differences is touched (`orders.ts`).
 * - An agent without that feature, such as NoRouter's, takes one configuration in its life.
 *   It is started anew if the **part of its own** differs: its ports, its proxies, for whom
 *   it resolves, its files, its egress, and the routes that lead through the host, since its
 *   agent dials nothing else. All hosts are told the rest: the names, ports and name servers
 *   of the others, and the routes through others. Of a change of that alone such an agent
 *   learns nothing until it ends:
 *   - it does not listen for ports of the others that are new, and listens on for those that
 *     are gone; who connects there is refused by the router;
 *   - its name server and its proxies know neither new names nor new routes, and a name
 *     whose VIP changed leads to where it led, also if another host has that VIP now.
 *
 * The router goes by the manifest in force at once, for the packets of every host. What only
 * the manager goes by, such as `connectTimeout`, counts from the next attempt on.
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
}

/** Compiles the description of a host of the manifest. Throws if a transport is missing. */
export function describeHost(
  spec: HostSpec,
  { manifest, transports }: Described,
): Description {
  const extend = extendArgs(manifest, spec);
  return {
    spec,
    reach: reachOf(spec, transports),
    greeting: {
      configure: configureArgs(manifest, spec),
      ...(extend && { extend }),
      needed: neededFeatures(manifest, spec),
    },
    transport: spec.transport && transports.get(spec.transport.name),
  };
}

/**
 * What is different in the ways of two descriptions of a host, a field as a rule; undefined
 * if they are the same. Values count, and the identity of the transport, which is code.
 * Places in the file do not: a host that moved down a line is the same.
 */
export function differenceOfWay(
  one: Description,
  other: Description,
): string | undefined {
  const [before, after] = [one, other].map(wayOf);
  if (one.transport !== other.transport) {
    const [former, field] = [fieldOf(one), fieldOf(other)];
    return former === field ? "the code of its transport" : field ?? former;
  }
  for (const [field, value] of Object.entries(after!)) {
    if (isDeepStrictEqual(before![field], value)) continue;
    return field === "transport" ? fieldOf(other) : field;
  }
}

function fieldOf({ spec: { transport } }: Description): string | undefined {
  return transport?.name;
}

function wayOf({ spec }: Description): Readonly<Record<string, unknown>> {
  const { transport, install, installPath, resume, vip } = spec;
  // The options follow from the value, and from the folder of the manifest.
  return {
    transport: [transport?.spec, transport?.options],
    install,
    installPath,
    resume,
    vip,
  };
}

/** What an agent is told. */
export type Told = Pick<GreetingPlan, "configure" | "extend">;

/** Whether an agent that was told the one is told nothing new by the other. */
export function isSameGreeting(one: Told, other: Told): boolean {
  return one === other ||
    isDeepStrictEqual(one.configure, other.configure) &&
      isDeepStrictEqual(one.extend, other.extend);
}

/** The fields of a manifest by which the agent's own parts of two greetings differ. */
export function differencesOfOwn(one: Told, other: Told): string[] {
  const [before, after] = [ownPart(one), ownPart(other)];
  return Object.keys({ ...before, ...after }).filter((field) =>
    !isDeepStrictEqual(before[field], after[field])
  );
}

/** By the fields of a manifest. */
function ownPart({ configure, extend = {} }: Told): Record<string, unknown> {
  // Arguments that are not named here are the host's own, also those of later.
  const { others: _o, hostnameMap: _h, nameServers: _n, routes = [], ...own } = configure;
  const { me, forwards, http, socks, ...plain } = own;
  const { aliases: _a, exceptions = [], ...extended } = extend;
  const except = new Map(exceptions.map(({ route, hostnames }) => [route, hostnames]));
  const through = routes.map((route, index) => ({ ...route, not: except.get(index) }))
    .filter(({ via }) => via === me);
  return {
    ...plain,
    ...extended,
    ports: forwards,
    http: [http, extended.http],
    socks: [socks, extended.socks],
    routes: through,
  };
}
