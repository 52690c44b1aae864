/**
 * Happenings: the consequences of a session's events for the router, for the other hosts, and
 * for the listeners of the mesh.
 *
 * @module
 */

import type { Manifest } from "../manifest/manifest.ts";
import type { Connections } from "../router/connections.ts";
import type { Router } from "../router/route.ts";
import {
  type AgentStatus,
  encodeControl,
  type RouteSuggestion,
} from "../wire/control/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { STEADY_AFTER } from "./backoff.ts";
import type { MeshEvent } from "./events.ts";
import { lackingFeature } from "./telling/lacking.ts";
import { listenersFailed, listenersUp } from "./telling/listeners.ts";
import { describeProgress } from "./telling/progress.ts";
import type { RunningHost } from "./running_host.ts";
import type { Failure, Readiness, SessionHooks } from "./session.ts";

/** Shared by the hosts of a mesh. */
export interface MeshParts {
  /** The manifest in force. */
  readonly manifest: Manifest;
  readonly router: Router;
  /** Watches connections, if anybody asked for their events. */
  readonly connections: Connections | undefined;
  /** The hosts of that manifest by name. */
  readonly hosts: ReadonlyMap<string, RunningHost>;
  /** Tells an event. */
  readonly emit: (event: MeshEvent) => void;
}

/** The hooks of the session of `host`. */
export function happeningsOf(host: RunningHost, mesh: MeshParts): SessionHooks {
  const { name } = host;
  const { emit } = mesh;
  return {
    ready: (readiness) => becomeReady(host, mesh, readiness),
    down: () => becomeDown(host, mesh),
    report: (failure) => reportFailure(host, mesh, failure),
    suggestion: (suggestion) => learn(name, mesh, suggestion),
    status: (status) => takeStatus(host, mesh, status),
    listenersUp: (status) => takeListenersUp(host, mesh, status),
    excess: (bytes) => host.controls.add(bytes),
    output: (stream, line) => {
      if (!host.text.admits(line)) return;
      emit({
        type: "output",
        level: stream === "stderr" && line.startsWith("warning: ") ? "warn" : "info",
        host: name,
        stream,
        line,
        message: `${name}: ${line}`,
      });
    },
    asking: (isAsking) =>
      emit({
        type: "question",
        level: isAsking ? "info" : "debug",
        host: name,
        isAsking,
        message: isAsking
          ? `${name} asks on the terminal`
          : `${name} asks nothing on the terminal any more`,
      }),
    progress: (progress) =>
      emit({
        type: "progress",
        level: "info",
        host: name,
        ...progress,
        message: `${name}: ${describeProgress(progress)}`,
      }),
  };
}

function becomeReady(
  host: RunningHost,
  { router, emit, manifest }: MeshParts,
  { agent, queue, ms, again }: Readiness,
): void {
  const { name, vip } = host;
  router.up(name, queue);
  host.timesReady++;
  host.readyAt = host.plan.clock.now();
  const after = `${(ms / 1000).toFixed(2)} s`;
  emit({
    type: "ready",
    level: "info",
    host: name,
    vip,
    ms,
    again,
    version: agent.version,
    features: agent.features,
    message: again
      ? `Ready again: ${name} (${vip}) after ${after}`
      : `Ready: ${name} (${vip}) after ${after}`,
  });
  const lacking = host.plan.greeting.needed.wanted.filter((feature) =>
    !agent.features.includes(feature)
  );
  if (!again) {
    const who = `the agent of "${name}" (version ${agent.version || "unknown"})`;
    for (const feature of lacking) {
      const message = lackingFeature(manifest, host.spec, { feature, who });
      emit({ type: "warning", level: "warn", host: name, message });
    }
  }
  host.verdict(undefined);
  if (!agent.features.includes("status")) host.report.forget();
}

/** What was on its way to a host, and from that host, is over. */
export function becomeDown(
  host: RunningHost,
  { router, connections, hosts }: MeshParts,
): void {
  const { name, vip } = host;
  router.down(name);
  connections?.down(name);
  router.forget(name);
  host.report.forget();
  // No ranges: two hosts may serve the same range, so the router itself has reset the
  // routed connections through this host.
  const message = encodeControl({
    type: "event",
    body: { type: "hostDown", data: { ip: vip, ranges: [] } },
  });
  for (const other of hosts.values()) {
    if (other !== host) other.session.send("hostDown", message);
  }
}

function reportFailure(
  host: RunningHost,
  { emit }: MeshParts,
  { attempt, retryIn, end, isTold, message, wasUpBetween }: Failure,
): void {
  host.lastFailure = message;
  host.verdict(message);
  const again = `trying again in ${(retryIn / 1000).toFixed(1)} s`;
  const count = wasUpBetween
    ? `failure ${attempt} without ${STEADY_AFTER / 1000} s up in between`
    : `failure ${attempt} in a row`;
  emit({
    type: "down",
    level: isTold ? "error" : "debug",
    host: host.name,
    vip: host.vip,
    command: host.plan.command,
    attempt,
    retryIn,
    reason: end.reason,
    ...(end.exit && { exit: end.exit }),
    message: attempt === 1 ? `${message}; ${again}` : `${message}; ${count}, ${again}`,
  });
}

function learn(
  from: string,
  { router }: MeshParts,
  { ip, route }: RouteSuggestion,
): void {
  router.learn(from, ip.map((address) => parseIpv4(address)!), parseIpv4(route)!);
}

/** Only the first status of an agent is news: listeners that come up later are events. */
function takeStatus(
  host: RunningHost,
  { hosts, manifest, emit }: MeshParts,
  status: AgentStatus,
): void {
  if (!host.report.take(status, host.plan.clock.now())) return;
  const { listeners, machine } = status;
  const others = hosts.values().filter((other) =>
    other !== host && !other.spec.loopback.disable && other.state === "ready"
  ).map(({ name, report }) => ({ name, machine: report.machine }));
  const told = { listeners, machine, others: [...others] };
  for (const event of listenersFailed(manifest, host.spec, told)) {
    if (host.text.admits(event.message)) emit(event);
  }
}

function takeListenersUp(
  host: RunningHost,
  { emit }: MeshParts,
  { listeners }: AgentStatus,
): void {
  // Only listeners that the agent told had failed, so that nobody can fill the log.
  const event = listenersUp(host.name, host.report.takeUp(listeners));
  if (event && host.text.admits(event.message)) emit(event);
}
