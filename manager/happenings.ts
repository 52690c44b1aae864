/**
 * Happenings: the consequences of a session's events for the router, for the other hosts, and
 * for the listeners of the mesh.
 *
 * @module
 */

import type { Manifest } from "../manifest/manifest.ts";
import type { Connections } from "../router/connections.ts";
import type { Router } from "../router/route.ts";
import type { AgentStatus, RouteSuggestion } from "../wire/control/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { Orders } from "./members/orders.ts";
import { tellAway, tellDown, tellReady } from "./resume/absence.ts";
import { STEADY_AFTER } from "./backoff.ts";
import type { MeshEvent } from "./events.ts";
import { awayEvent } from "./telling/away.ts";
import { lackingFeature } from "./telling/lacking.ts";
import { listenersFailed, listenersUp } from "./telling/listeners.ts";
import { describeProgress } from "./telling/progress.ts";
import { resumeStatus } from "./telling/resume.ts";
import type { RunningHost } from "./running_host.ts";
import type { Absence, Failure, Readiness, SessionHooks } from "./session.ts";

/** Milliseconds that a connection may wait for a host that is away. */
const WAIT_LIMIT = 10_000;
/** Milliseconds between two looks after connections that wait. */
const LOOK_EVERY = 500;

/** Shared by the hosts of a mesh. */
export interface MeshParts {
  /** The manifest in force. */
  readonly manifest: Manifest;
  /** The version of its rules. */
  readonly version: number;
  readonly router: Router;
  /** Watches connections, if anybody asked for their events. */
  readonly connections: Connections | undefined;
  /** The hosts of that manifest by name. */
  readonly hosts: ReadonlyMap<string, RunningHost>;
  /** Tells an event. */
  readonly emit: (event: MeshEvent) => void;
  /** Ends a host, and starts another in its place by the same description. */
  restart(host: RunningHost): void;
}

/** The hooks of the session of `host`. */
export function happeningsOf(host: RunningHost, mesh: MeshParts): SessionHooks {
  const { name } = host;
  const { emit } = mesh;
  return {
    ready: (readiness) => becomeReady(host, mesh, readiness),
    away: () => becomeAway(host, mesh),
    down: () => becomeDown(host, mesh),
    lost: () => becomeNew(host, mesh),
    report: (failure) => reportFailure(host, mesh, failure),
    reportAway: (absence) => reportAway(host, mesh, absence),
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
  mesh: MeshParts,
  { agent, queue, ms, again, resumed, isTold, greeting }: Readiness,
): void {
  const { router, emit } = mesh;
  const { name, vip } = host;
  host.stopWaits();
  // Before the packets that waited, since those may be for connections that have ended.
  tellReady(host, mesh, { resumed });
  router.up(name, queue);
  host.resume = resumeStatus(host.spec, agent);
  const isFirst = host.timesReady++ === 0;
  if (resumed) host.timesResumed++;
  host.readyAt = host.plan.clock.now();
  const after = `${(ms / 1000).toFixed(2)} s`;
  emit({
    type: "ready",
    level: isTold ? "info" : "debug",
    host: name,
    vip,
    ms,
    again,
    resumed,
    resume: host.resume,
    version: agent.version,
    features: agent.features,
    message: resumed
      ? `Back: ${name} (${vip}) after ${after}; connections${
        isFirst ? " between other hosts" : ""
      } go on`
      : again
      ? `Ready again: ${name} (${vip}) after ${after}`
      : `Ready: ${name} (${vip}) after ${after}`,
  });
  const lacking = host.plan.greeting.needed.wanted.filter((feature) =>
    !agent.features.includes(feature)
  );
  if (!again) tellLacking(host, mesh, lacking);
  host.verdict(undefined);
  if (!agent.features.includes("status")) host.report.forget();
  host.orders.ready(greeting);
}

/** The agent of a host lacks features that the manifest asks for. */
function tellLacking(
  { name, spec, version }: RunningHost,
  { manifest, emit }: MeshParts,
  features: readonly string[],
): void {
  const who = `the agent of "${name}" (version ${version || "unknown"})`;
  for (const feature of features) {
    const message = lackingFeature(manifest, spec, { feature, who });
    emit({ type: "warning", level: "warn", host: name, message });
  }
}

/** The orders of the agent of a host, with their consequences. */
export function ordersOf(host: RunningHost, mesh: MeshParts): Orders {
  const { name, plan, session } = host;
  return new Orders({
    session,
    wanted: () => ({ greeting: host.description.greeting, version: mesh.version }),
    isLeft: plan.resume?.left !== undefined,
    goesBy: (greeting) => plan.resume?.goesBy?.(greeting),
    updated() {
      if (!host.features.includes("status")) return;
      host.report.expectNews();
      session.askStatus();
    },
    lacks: (features) => tellLacking(host, mesh, features),
    anew(why) {
      if (mesh.hosts.get(name) !== host) return;
      const message = `"${name}" starts anew: ${why}`;
      mesh.emit({ type: "warning", level: "warn", host: name, message });
      mesh.restart(host);
    },
  });
}

/** The link of a host is gone, and its agent is not: nothing ends, nothing gets through. */
export function becomeAway(host: RunningHost, mesh: MeshParts): void {
  const { router, connections } = mesh;
  router.away(host.name);
  host.report.abandon();
  host.stopWaits();
  const { clock } = host.plan;
  const look = () => {
    for (const frame of router.expire(host.name, WAIT_LIMIT - LOOK_EVERY)) {
      connections?.waitedInVain(frame);
    }
    host.stopWaits = clock.after(LOOK_EVERY, look);
  };
  host.stopWaits = clock.after(LOOK_EVERY, look);
  tellAway(host, mesh);
}

/** What was on its way to a host, and from that host, is over. */
export function becomeDown(host: RunningHost, mesh: MeshParts): void {
  const { router, connections } = mesh;
  const { name } = host;
  host.stopWaits();
  host.resume = undefined;
  router.down(name);
  connections?.down(name);
  router.forget(name);
  host.report.forget();
  // Without ranges: two hosts may serve the same range, so the router itself has reset the
  // routed connections through this host.
  tellDown(host, mesh);
}

/** The agent that an earlier manager left is gone, and the host starts like any other. */
function becomeNew(host: RunningHost, mesh: MeshParts): void {
  host.stopWaits();
  tellDown(host, mesh);
  mesh.router.starting(host.name);
}

function reportAway(host: RunningHost, { emit }: MeshParts, absence: Absence): void {
  host.lastFailure = absence.message;
  host.verdict(absence.message);
  emit(awayEvent(host, absence));
}

function reportFailure(
  host: RunningHost,
  { emit }: MeshParts,
  { attempt, retryIn, end, isTold, message, wasUpBetween }: Failure,
): void {
  host.lastFailure = message;
  host.verdict(message);
  const again = retryIn === 0
    ? "it is started anew"
    : `trying again in ${(retryIn / 1000).toFixed(1)} s`;
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
  { ip, route, names }: RouteSuggestion,
): void {
  const addresses = ip.map((address) => parseIpv4(address)!);
  router.learn(from, addresses, parseIpv4(route)!, names);
}

/**
 * Only the first status of an agent with its orders is news: listeners that come up later are
 * events.
 */
function takeStatus(
  host: RunningHost,
  { hosts, manifest, emit }: MeshParts,
  status: AgentStatus,
): void {
  const listeners = host.report.take(status, host.plan.clock.now());
  if (listeners.length === 0) return;
  const { machine } = status;
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
