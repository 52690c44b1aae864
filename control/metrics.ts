/**
 * The metrics of a mesh, from its status: names, types and helps, and where each sample is
 * found. Nothing is counted or computed here, but for units.
 *
 * Labels are the names of hosts, and words from lists that the program has: so there are as
 * many series as hosts, times a number that does not grow. Rules of a policy have a series
 * each.
 *
 * @module
 */

import { OF_AGENTS } from "./agent_metrics.ts";
import { expose, type Metric } from "./exposition.ts";
import {
  type MeshMetric,
  type Metered,
  ofHosts,
  ofHostsBy,
  ofMesh,
  seconds,
} from "./metric_kinds.ts";

/** Options of {@linkcode metricsOf}. */
export interface MetricsOptions {
  /** Whether OpenMetrics is wanted, in place of the format 0.0.4. */
  readonly isOpen?: boolean;
  /**
   * Whether the text is for a collector that shows it among metrics of others: each sample
   * says its mesh, and the process is `norouter_process_…`, since `process_…` is the
   * collector's.
   */
  readonly isForCollector?: boolean;
}

const STATES = ["starting", "ready", "away", "down", "closed"] as const;

/** The metrics of a mesh as text, in pieces. */
export function metricsOf(
  metered: Metered,
  { isOpen = false, isForCollector = false }: MetricsOptions = {},
): Generator<string, void> {
  if (!isForCollector) return expose(METRICS, metered, { isOpen });
  const everywhere = { mesh: metered.mesh };
  return expose(COLLECTED, metered, { isOpen, everywhere });
}

const host = ofHosts(({ hosts }) => hosts);
const link = ofHosts(({ links }) => links);
const queue = ofHosts(({ queues }) => queues);
const waiting = ofHosts(({ waiting }) => waiting);

const OF_HOSTS: readonly MeshMetric[] = [
  {
    name: "norouter_info",
    type: "info",
    help: "The mesh and the version of its manager",
    labels: ["name", "version"],
    samples: ({ mesh, version }) => [[1, mesh, version]],
  },
  ofMesh(
    "gauge",
    "norouter_uptime_seconds",
    "Time since the start of the mesh",
    ({ ms }) => ms / 1000,
  ),
  ofMesh(
    "gauge",
    "norouter_rules_version",
    "Version of the rules in force, from 1",
    ({ rulesVersion }) => rulesVersion,
  ),
  {
    name: "norouter_host_info",
    type: "info",
    help:
      "A host, its address in the mesh, and the version of its agent while it is ready",
    labels: ["host", "vip", "version"],
    samples: ({ status }) =>
      status.hosts.map(({ host, vip, version = "" }) => [1, host, vip, version]),
  },
  ofHostsBy(({ hosts }) => hosts, "state")(
    "gauge",
    "norouter_host_state",
    "1 for the state that the host has, 0 for the others",
    ({ state }) => STATES.map((each) => [each === state ? 1 : 0, each]),
  ),
  link(
    "gauge",
    "norouter_host_ready_seconds",
    "Time since the host became ready; absent unless it is",
    ({ ms }) => seconds(ms),
  ),
  link(
    "counter",
    "norouter_host_starts_total",
    "Times that a link to the host was opened, or was to be",
    ({ attempts }) => attempts,
  ),
  link(
    "counter",
    "norouter_host_ready_total",
    "Times that the host became ready",
    ({ timesReady }) => timesReady,
  ),
  link(
    "counter",
    "norouter_host_resumes_total",
    "Times that the host's agent was taken back over another link, with its connections",
    ({ timesResumed }) => timesResumed,
  ),
  host(
    "gauge",
    "norouter_host_failures",
    "Failed attempts in a row to link the host",
    ({ failures }) => failures,
  ),
  host(
    "gauge",
    "norouter_host_stay_seconds",
    "How long the host's agent stays without a link; 0 if it does not",
    ({ resume }) => resume && ("on" in resume ? resume.seconds : 0),
  ),
  host(
    "gauge",
    "norouter_host_queued_bytes",
    "Weight of the packets from the host in the queues of all links",
    ({ charged }) => charged,
  ),
];

const OF_LINKS: readonly MeshMetric[] = [
  link(
    "counter",
    "norouter_link_received_bytes_total",
    "Bytes of frames from the host",
    ({ traffic }) => traffic.receivedBytes,
  ),
  link(
    "counter",
    "norouter_link_received_frames_total",
    "Frames from the host that were let pass",
    ({ frames }) => frames.ok,
  ),
  link(
    "counter",
    "norouter_link_sent_bytes_total",
    "Bytes that the links to the host have accepted",
    ({ traffic }) => traffic.sentBytes,
  ),
  link(
    "counter",
    "norouter_link_sent_frames_total",
    "Frames taken for the links to the host",
    ({ traffic }) => traffic.sentFrames,
  ),
  ofHostsBy(({ links }) => links, "reason")(
    "counter",
    "norouter_link_received_dropped_frames_total",
    "Frames from the host that were dropped: of no known type, too short, of another " +
      "version of IP, of a wrong length, from an address that is not the host's, of a " +
      "connection that has ended, or control messages beyond the budget",
    ({ frames: { type, short, version, length, source, late }, droppedControls }) => [
      [type, "type"],
      [short, "short"],
      [version, "version"],
      [length, "length"],
      [source, "source"],
      [late, "late"],
      [droppedControls.count, "control"],
    ],
  ),
  link(
    "counter",
    "norouter_link_sent_dropped_frames_total",
    "Frames to the host that were dropped: too many waited, or the link ended",
    ({ traffic }) => traffic.droppedFrames,
  ),
  link(
    "counter",
    "norouter_link_sent_dropped_bytes_total",
    "Bytes of the frames to the host that were dropped",
    ({ traffic }) => traffic.droppedBytes,
  ),
  link(
    "gauge",
    "norouter_link_window_bytes",
    "Bytes that may be under way to the host; absent unless its agent acknowledges",
    ({ window }) => window?.window,
  ),
  link(
    "gauge",
    "norouter_link_in_flight_bytes",
    "Bytes given to the link and not acknowledged",
    ({ window }) => window?.underWay,
  ),
  link(
    "gauge",
    "norouter_link_rate_bytes_per_second",
    "Bytes per second that the path takes; 0 while unknown",
    ({ window }) => window?.rate,
  ),
  link(
    "gauge",
    "norouter_link_round_trip_seconds",
    "The last round trip of the link",
    ({ window }) => seconds(window?.roundTrip),
  ),
  link(
    "gauge",
    "norouter_link_base_round_trip_seconds",
    "The round trip of the link without a queue",
    ({ window }) => seconds(window?.base),
  ),
  link(
    "gauge",
    "norouter_link_competing",
    "Whether others fill the path of the link",
    ({ window }) => window && (window.mode === "competing" ? 1 : 0),
  ),
  link(
    "counter",
    "norouter_link_credit_faults_total",
    "Acknowledgements of more than was sent, over the present link",
    ({ window }) => window?.faults,
  ),
  queue(
    "gauge",
    "norouter_queue_frames",
    "Frames that wait for the link to the host",
    ({ frames }) => frames,
  ),
  queue(
    "gauge",
    "norouter_queue_bytes",
    "Bytes that wait for the link to the host",
    ({ bytes }) => bytes,
  ),
  queue(
    "gauge",
    "norouter_queue_weight_bytes",
    "Bytes of waiting packets with the objects around them, which the limit is for",
    ({ weight }) => weight,
  ),
  queue(
    "gauge",
    "norouter_queue_limit_bytes",
    "Weight at which the queue drops packets",
    ({ limitBytes }) => limitBytes,
  ),
  queue(
    "gauge",
    "norouter_queue_peak_bytes",
    "The most bytes that ever waited for the present link",
    ({ peakBytes }) => peakBytes,
  ),
  queue(
    "counter",
    "norouter_queue_refused_frames_total",
    "Control messages that the queue of the present link refused",
    ({ refused }) => refused,
  ),
  waiting(
    "gauge",
    "norouter_waiting_frames",
    "Packets that wait for a host that is starting or away; absent if none do",
    ({ frames }) => frames,
  ),
  waiting(
    "gauge",
    "norouter_waiting_bytes",
    "Bytes of those packets, with the objects around them",
    ({ bytes }) => bytes,
  ),
];

const OF_ROUTER: readonly MeshMetric[] = [
  ofMesh(
    "counter",
    "norouter_packets_delivered_total",
    "Packets given to a queue",
    ({ packets }) => packets.delivered,
  ),
  ofMesh(
    "counter",
    "norouter_packets_waited_total",
    "Packets that had to wait for a host",
    ({ packets }) => packets.waited,
  ),
  {
    name: "norouter_packets_dropped_total",
    type: "counter",
    help:
      "Packets not delivered: too many waited, sent to a host that was down or to a " +
      "connection that is over, to a host that was away, or to nowhere",
    labels: ["reason"],
    samples: ({ status: { packets } }) => [
      [packets.overflowed, "overflowed"],
      [packets.refused, "refused"],
      [packets.missed, "away"],
      [packets.unroutable, "unroutable"],
    ],
  },
  {
    name: "norouter_flows",
    type: "gauge",
    help: "Routed connections by phase: those to addresses that are no VIP",
    labels: ["phase"],
    samples: ({ status: { flows } }) => [
      [flows.opening, "opening"],
      [flows.open, "open"],
      [flows.finished, "finished"],
      [flows.refused, "refused"],
    ],
  },
  ofMesh(
    "gauge",
    "norouter_flows_limit",
    "The most routed connections there may be",
    ({ flows }) => flows.limit,
  ),
  ofMesh(
    "counter",
    "norouter_flows_aborted_total",
    "Routed connections reset, those evicted included",
    ({ packets }) => packets.aborted,
  ),
  ofMesh(
    "counter",
    "norouter_flows_evicted_total",
    "Routed connections reset because their place was needed",
    ({ packets }) => packets.evicted,
  ),
  ofMesh(
    "counter",
    "norouter_policy_denied_total",
    "Connections that the policy denied",
    ({ packets }) => packets.denied,
  ),
  ofMesh(
    "counter",
    "norouter_policy_forbidden_total",
    "Open connections reset because new rules forbid them",
    ({ packets }) => packets.forbidden,
  ),
  {
    name: "norouter_policy_decisions_total",
    type: "counter",
    help: "Connections that a rule of the policy has decided; rules are numbered from 1",
    labels: ["rule", "action"],
    samples: ({ status }) =>
      status.policy.map((
        { rule, action, allowed, denied },
      ) => [allowed + denied, String(rule), action]),
  },
];

/** Names, and the words of their helps, are those of Prometheus' own clients. */
const OF_PROCESS: readonly MeshMetric[] = [
  ofMesh(
    "counter",
    "process_cpu_seconds_total",
    "Total user and system CPU time spent in seconds",
    ({ process }) => process.cpuSeconds,
  ),
  ofMesh(
    "gauge",
    "process_resident_memory_bytes",
    "Resident memory size in bytes",
    ({ process }) => process.residentBytes,
  ),
  ofMesh(
    "gauge",
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds",
    ({ process }) => process.startedAt,
  ),
  ofMesh(
    "gauge",
    "process_open_fds",
    "Number of open file descriptors",
    ({ process }) => process.openFiles,
  ),
  ofMesh(
    "gauge",
    "process_max_fds",
    "Maximum number of open file descriptors",
    ({ process }) => process.mostFiles,
  ),
];

const OWN: readonly MeshMetric[] = [
  ...[OF_HOSTS, OF_LINKS, OF_ROUTER, OF_AGENTS].flat(),
];

/** All metrics, in the sequence in which they are told. */
export const METRICS: readonly Metric<Metered>[] = [...OWN, ...OF_PROCESS];

/** The same for a collector, see {@linkcode MetricsOptions}. */
export const COLLECTED: readonly Metric<Metered>[] = [
  ...OWN,
  ...OF_PROCESS.map((metric) => ({ ...metric, name: `norouter_${metric.name}` })),
];
