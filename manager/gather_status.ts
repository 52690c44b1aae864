/**
 * Gathering a status: from the router, the hosts and the reports of agents.
 *
 * @module
 */

import type { Router } from "../router/route.ts";
import type { MemberStatus } from "../router/status.ts";
import { ownProcess } from "../proxy/edge/own_process.ts";
import type { RunningHost } from "./running_host.ts";
import type { HostStatus, LinkStatus, MeshStatus, StackStatus } from "./status.ts";

/** The sources of a status. */
export interface StatusSources {
  /** In the manifest's order. */
  readonly hosts: readonly RunningHost[];
  readonly router: Router;
  /** Milliseconds of the clock, now and when the mesh was started. */
  readonly now: number;
  readonly since: number;
}

/** Gathers a status. */
export function statusOf({ hosts, router, now, since }: StatusSources): MeshStatus {
  const { version, counters, flows, policy, hosts: members } = router.status();
  const inRouter = new Map(members.map((member) => [member.host, member]));
  return {
    ms: Math.round(now - since),
    rulesVersion: version,
    hosts: hosts.map((host) => hostStatus(host, inRouter.get(host.name))),
    links: hosts.map((host) => linkStatus(host, now)),
    queues: hosts.flatMap(({ name, state }) => {
      const queue = inRouter.get(name)?.queue;
      // The router is not told of a close.
      return queue && state === "ready" ? [{ host: name, ...queue }] : [];
    }),
    waiting: hosts.flatMap(({ name }) => {
      const waiting = inRouter.get(name)?.waiting;
      return waiting && waiting.frames > 0 ? [{ host: name, ...waiting }] : [];
    }),
    packets: counters,
    flows,
    policy,
    stacks: hosts.flatMap((host) => stackStatus(host, now)),
    listeners: hosts.flatMap(({ name, report }) =>
      report.listeners.map((listener) => ({ host: name, ...listener }))
    ),
    services: hosts.flatMap(({ name, report: { services } }) =>
      services ? [{ host: name, ...services }] : []
    ),
    processes: hosts.flatMap(({ name, report: { process } }) =>
      process ? [{ host: name, ...process }] : []
    ),
    process: ownProcess(),
  };
}

function hostStatus(host: RunningHost, member: MemberStatus | undefined): HostStatus {
  const { name, vip, state, command, version, features, failures, lastFailure } = host;
  const { resume } = host;
  return {
    host: name,
    vip,
    state,
    command,
    ...(version !== undefined && { version }),
    features: [...features],
    ...(resume && state !== "closed" && { resume: { ...resume } }),
    failures,
    ...(lastFailure !== undefined && { lastFailure }),
    charged: member?.charged ?? 0,
    suggestions: member?.suggestions ?? 0,
  };
}

function linkStatus(host: RunningHost, now: number): LinkStatus {
  const { name, state, timesReady, timesResumed, readyAt } = host;
  const { police, traffic, controls, text, window, session: { attempts } } = host;
  return {
    host: name,
    timesReady,
    timesResumed,
    attempts,
    ...(state === "ready" && { ms: Math.round(now - readyAt) }),
    ...(window && { window }),
    frames: { ...police },
    traffic: { ...traffic },
    droppedControls: { count: controls.total, bytes: controls.totalBytes },
    droppedLines: { count: text.leftOut, bytes: text.leftOutCharacters },
  };
}

function stackStatus({ name, report }: RunningHost, now: number): StackStatus[] {
  const { stack, at } = report;
  if (!stack || at === undefined) return [];
  return [{ host: name, age: Math.round(now - at), ...stack }];
}
