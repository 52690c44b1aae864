/**
 * NoRouter for Deno, as a library: starts a mesh that joins containers, pods, virtual
 * machines and this machine into one small network, over the standard input and output of
 * commands that reach them.
 *
 * ```ts
 * import { strict as assert } from "node:assert";
 * import { startMesh } from "@norouter/cli/mod";
 *
 * await using mesh = await startMesh({
 *   hosts: {
 *     local: { vip: "127.0.42.100" },
 *     web: {
 *       vip: "127.0.42.101",
 *       cmd: "docker exec -i web norouter",
 *       ports: ["8080:127.0.0.1:80"],
 *     },
 *   },
 * }, { onEvent: ({ level, message }) => console.error(level, message) });
 *
 * const { failed } = await mesh.ready();
 * for (const { host, message } of failed) console.error(host.name, message);
 * // Now http://127.0.42.101:8080 is the web server in the container, if it is ready.
 *
 * assert.equal(mesh.hosts.get("local")?.state, "ready");
 * ```
 *
 * @module
 */

export {
  type Diagnostic,
  formatDiagnostic,
  formatPosition,
  ManifestError,
  type Position,
} from "./manifest/source/diagnostic.ts";
export { loadManifest, type LoadOptions } from "./manifest/load.ts";
export {
  type EgressSpec,
  type HostEdits,
  type HostSpec,
  type Manifest,
  type ParseOptions,
  type PluginLock,
  type PluginProblem,
  type PluginUse,
  type PortSpec,
  type ProxyAuth,
  type ProxySpec,
  type RouteSpec,
  type SpecParser,
  type TransportSpec,
} from "./manifest/manifest.ts";
export type { PolicyParty, PolicyPorts, PolicyRule } from "./manifest/policy.ts";
export type { HostRule, RuleKind } from "./manifest/added_rules.ts";
export type { ForwardRule } from "./manifest/rule_text.ts";
export { manifestFromObject, parseManifest } from "./manifest/parse.ts";
export type { PluginLoader } from "./manifest/plugins.ts";
export type { Clock } from "./link/clock.ts";
export type {
  AddressesTakenEvent,
  ConnectionEvent,
  DeniedEvent,
  EventBase,
  HostAwayEvent,
  HostClosedEvent,
  HostDownEvent,
  HostOutputEvent,
  HostReadyEvent,
  HostWarningEvent,
  ListenerFailedEvent,
  ListenersUpEvent,
  ManifestWarningEvent,
  MeshEvent,
  MoreDeniedEvent,
  ProgressEvent,
  QuestionEvent,
  ReloadEvent,
  ReloadFailedEvent,
} from "./manager/events.ts";
export type { LostEvent } from "./manager/event_stream.ts";
export type { MeshChange, RestartedHost } from "./manager/reload/change.ts";
export type { MeshRule, MeshRules, RuleOptions } from "./manager/reload/live_rules.ts";
export type { HostChange, ManifestChanges } from "./manager/reload/differences.ts";
export type {
  EventsOptions,
  Mesh,
  MeshHost,
  MeshOptions,
  ReadyReport,
  StatusOptions,
} from "./manager/contract.ts";
export type { Echo, EchoHop, EchoOutcome, PingOptions } from "./manager/echo.ts";
export { startMesh } from "./manager/mesh.ts";
export type { HostState } from "./manager/session.ts";
export type {
  Excessive,
  HostStatus,
  LinkStatus,
  MeshStatus,
  OfHost,
  ResumeStatus,
  RoutedStatus,
  StackStatus,
} from "./manager/status.ts";
export type { QueueCounters, QueueStatus } from "./link/queue/queue.ts";
export type { Traffic } from "./link/channel.ts";
export type { WindowStatus } from "./link/window/window.ts";
export type { WaitingStatus } from "./link/queue/waiting.ts";
export type { PolicyRuleStatus } from "./router/policy/gate.ts";
export type { PoliceCounters, Verdict } from "./router/police.ts";
export type { RouteCounters } from "./router/counters.ts";
export {
  type Link,
  type LinkExit,
  type OpenContext,
  SpecError,
  type Transport,
} from "./transports/mod.ts";
export { builtinTransports } from "./transports/registry.ts";
export type {
  AgentServices,
  DialCounters,
  DialFate,
  Service,
  ServiceCounters,
} from "./wire/control/agent_services.ts";
export type { AgentStack } from "./wire/control/agent_stack.ts";
export type { ListenerStatus } from "./wire/control/control.ts";
export type { ProcessFigures } from "./wire/control/process_figures.ts";
export type { Cidr } from "./wire/ip/ipv4.ts";
