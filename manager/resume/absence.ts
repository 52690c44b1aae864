/**
 * Absence: what the agents of a mesh are told when a host goes away, comes back, or goes down.
 *
 * ## Theory of operation
 *
 * The agents that are there and understand it hold the timers of their connections with a
 * host that is away: to its VIP, and to the addresses that their own routed connections reach
 * through that host. Ranges of routes would be too much, for two hosts may serve the same
 * range, and a held connection does not repair a loss; they are named only where the
 * addresses are too many. Agents that do not understand it are told that the host is down.
 *
 * An agent that is away itself cannot be told. So its host remembers, until the agent is
 * taken back:
 *
 * - what the agent believes to be away: hosts that came back meanwhile are told back, and
 *   those that went away are told away;
 * - what it missed: hosts that were down, be it for a moment, have lost their connections.
 *
 * An agent that was configured anew knows nothing and has missed nothing. One that an earlier
 * manager left behind has missed the end of all that was not taken back, such as that of the
 * agent in the manager's process.
 *
 * @module
 */

import type { Manifest } from "../../manifest/manifest.ts";
import type { Router } from "../../router/route.ts";
import { withoutExceptions } from "../../wire/ip/ranges.ts";
import {
  AWAY_FEATURE,
  encodeControl,
  type HostAway,
  type HostDown,
} from "../../wire/control/control.ts";
import { formatCidr, formatIpv4 } from "../../wire/ip/ipv4.ts";
import type { RunningHost } from "../running_host.ts";

/** Addresses that are named one by one. */
const MOST_ADDRESSES = 32;

/** The parts of a mesh by which its agents are told. */
export interface AbsenceParts {
  readonly router: Router;
  /** The manifest in force. */
  readonly manifest: Manifest;
  /** Its hosts by name. */
  readonly hosts: ReadonlyMap<string, RunningHost>;
}

/**
 * `host` begins with the agent that an earlier manager left, which has missed the end of all
 * that is not `awaited` as well.
 */
export function beginAbsent(
  host: RunningHost,
  awaited: ReadonlySet<string>,
  all: Iterable<RunningHost>,
): void {
  host.isAbsent = true;
  for (const { name, vip } of all) {
    if (!awaited.has(name)) host.beliefs.missed.add(vip);
  }
}

/** `host` has no link, and its agent stays. */
export function tellAway(host: RunningHost, mesh: AbsenceParts): void {
  host.isAbsent = true;
  for (const other of othersOf(host, mesh)) {
    if (other.features.includes(AWAY_FEATURE)) nameAway(other, host, mesh);
    else send(other, "hostDown", { ip: host.vip, ranges: [] });
  }
}

/**
 * The agent of `host` can be told again: the host came back, if the agent was taken back, or
 * is there with another agent.
 */
export function tellReady(
  host: RunningHost,
  mesh: AbsenceParts,
  { resumed }: { readonly resumed: boolean },
): void {
  host.isAbsent = false;
  const { away, missed } = host.beliefs;
  if (!resumed) {
    away.clear();
    missed.clear();
  }
  for (const vip of missed) {
    send(host, "hostDown", { ip: vip, ranges: [] });
    forgetAway(host, vip);
  }
  missed.clear();
  const others = othersOf(host, mesh);
  const absent = others.filter(({ isAbsent }) => isAbsent);
  for (const vip of [...away.keys()]) {
    if (absent.every((other) => other.vip !== vip)) forgetAway(host, vip);
  }
  if (host.features.includes(AWAY_FEATURE)) {
    for (const other of absent) nameAway(host, other, mesh);
  }
  for (const other of others) {
    if (other.state === "ready") forgetAway(other, host.vip);
  }
}

/** `host` is down: its agent, with all connections, is gone. */
export function tellDown(host: RunningHost, mesh: AbsenceParts): void {
  const wasAbsent = host.isAbsent;
  host.isAbsent = false;
  for (const other of othersOf(host, mesh)) {
    if (other.session.isAwaited) {
      other.beliefs.missed.add(host.vip);
      continue;
    }
    const isHeld = other.beliefs.away.has(host.vip);
    // Those that do not hold were told down at the beginning of the absence.
    if (isHeld || !wasAbsent) send(other, "hostDown", { ip: host.vip, ranges: [] });
    forgetAway(other, host.vip);
  }
}

/** Tells the agent of `to` that `host` is away. */
function nameAway(to: RunningHost, host: RunningHost, mesh: AbsenceParts): void {
  const ranges = rangesOf(to, host, mesh);
  to.beliefs.away.set(host.vip, ranges);
  send(to, AWAY_FEATURE, { ip: host.vip, ranges }, "hostAway");
}

/** Has the agent of `from` hold nothing for a host any more. */
function forgetAway(from: RunningHost, vip: string): void {
  const ranges = from.beliefs.away.get(vip);
  if (!ranges) return;
  from.beliefs.away.delete(vip);
  send(from, AWAY_FEATURE, { ip: vip, ranges: [...ranges] }, "hostBack");
}

/** The addresses beyond `host` that connections of `from` reach through `host`. */
function rangesOf(
  { name: from }: RunningHost,
  { name: via }: RunningHost,
  { router, manifest }: AbsenceParts,
): string[] {
  const addresses = router.addressesVia(via).get(from);
  if (!addresses) return [];
  if (addresses.size <= MOST_ADDRESSES) {
    return [...addresses].map((address) => `${formatIpv4(address)}/32`);
  }
  return manifest.routes.filter((route) => route.via === via).flatMap((route) =>
    withoutExceptions(route.cidrs, route.notCidrs).map(formatCidr)
  );
}

function othersOf(host: RunningHost, { hosts }: AbsenceParts): RunningHost[] {
  return [...hosts.values()].filter((other) => other !== host);
}

function send(
  { session, features }: RunningHost,
  feature: string,
  data: HostAway & HostDown,
  type = feature,
): void {
  // Of hundreds of hosts that fail each would be encoded for all others that are down.
  if (!features.includes(feature)) return;
  session.send(feature, encodeControl({ type: "event", body: { type, data } }));
}
