/**
 * The metrics of agents: their listeners, clients, dials, stacks and processes.
 *
 * @module
 */

import type { OfHost } from "../manager/status.ts";
import { DIAL_FATES, SERVICES } from "../wire/control/agent_services.ts";
import type { ListenerStatus } from "../wire/control/control.ts";
import type { Sample } from "./exposition.ts";
import { type MeshMetric, ofHosts, ofHostsBy } from "./metric_kinds.ts";

/** Bytes of a page of a stack's memory (WebAssembly, 4.2.8). */
const PAGE_BYTES = 65_536;
/** Of listeners. */
const KINDS = ["loopback", "http", "socks", "dns", "egress"] as const;

const link = ofHosts(({ links }) => links);
const stack = ofHosts(({ stacks }) => stacks);
const agent = ofHosts(({ processes }) => processes);
const service = ofHostsBy(({ services }) => services, "service");

/** The metrics of agents. */
export const OF_AGENTS: readonly MeshMetric[] = [
  {
    name: "norouter_listeners",
    type: "gauge",
    help: "Real listeners of the host's agent by kind, up or failed",
    labels: ["host", "kind", "state"],
    samples: ({ status }) => countOfListeners(status.listeners),
  },
  service(
    "gauge",
    "norouter_clients",
    "Clients of the host's agent by service; inbound are other hosts",
    ({ services }) => SERVICES.map((each) => [services[each].clients, each]),
  ),
  service(
    "counter",
    "norouter_clients_served_total",
    "Clients that came to the host's agent",
    ({ services }) => SERVICES.map((each) => [services[each].served, each]),
  ),
  service(
    "counter",
    "norouter_clients_turned_away_total",
    "Clients turned away by the host's agent, since there were too many",
    ({ services }) => SERVICES.map((each) => [services[each].turnedAway, each]),
  ),
  ofHostsBy(({ services }) => services, "result")(
    "counter",
    "norouter_dials_total",
    "Connections of the host's agent to real addresses, by what became of them",
    ({ dials }) => DIAL_FATES.map((fate) => [dials[fate], fate]),
  ),
  stack(
    "gauge",
    "norouter_stack_memory_bytes",
    "Memory of the pool of the host's TCP/IP stack",
    ({ pages }) => pages * PAGE_BYTES,
  ),
  stack(
    "gauge",
    "norouter_stack_used_bytes",
    "Memory of the pool that is in use",
    ({ usedPages }) => usedPages * PAGE_BYTES,
  ),
  stack(
    "gauge",
    "norouter_stack_connections",
    "Places in use of the stack's table of connections",
    ({ connections }) => connections,
  ),
  stack(
    "gauge",
    "norouter_stack_pending_connections",
    "Connections that wait for their target to be dialled",
    ({ pendingSyns }) => pendingSyns,
  ),
  stack(
    "gauge",
    "norouter_stack_time_wait_connections",
    "Connections of the stack in TIME_WAIT",
    ({ timeWait }) => timeWait,
  ),
  stack(
    "counter",
    "norouter_stack_received_packets_total",
    "Packets that came to the stack",
    ({ packetsIn }) => packetsIn,
  ),
  stack(
    "counter",
    "norouter_stack_sent_packets_total",
    "Packets of the stack",
    ({ packetsOut }) => packetsOut,
  ),
  ofHostsBy(({ stacks }) => stacks, "reason")(
    "counter",
    "norouter_stack_dropped_packets_total",
    "Packets that the stack dropped: malformed, or for want of memory",
    ({ packetsDropped, packetsWithoutMemory }) => [
      [packetsDropped, "malformed"],
      [packetsWithoutMemory, "memory"],
    ],
  ),
  stack(
    "counter",
    "norouter_stack_failed_connections_total",
    "Connections of the stack that ended by a failure",
    ({ failures }) => failures,
  ),
  stack(
    "counter",
    "norouter_stack_turned_away_total",
    "Connections dropped because the host that asked had its share",
    ({ turnedAway }) => turnedAway,
  ),
  stack(
    "counter",
    "norouter_stack_renewals_total",
    "Times that the stack broke and was made anew",
    ({ renewals }) => renewals,
  ),
  stack(
    "counter",
    "norouter_stack_echoes_total",
    "Echoes that the host's stack answered",
    ({ echoes }) => echoes,
  ),
  stack(
    "counter",
    "norouter_stack_dropped_echoes_total",
    "Echoes that were not answered, since there were too many",
    ({ echoesDropped }) => echoesDropped,
  ),
  stack(
    "gauge",
    "norouter_stack_age_seconds",
    "Time since the host's agent told of its stack and clients",
    ({ age }) => age / 1000,
  ),
  link(
    "counter",
    "norouter_log_lines_dropped_total",
    "Lines of text from the host that were left out of the log",
    ({ droppedLines }) => droppedLines.count,
  ),
  agent(
    "counter",
    "norouter_agent_cpu_seconds_total",
    "Processor time of the host's agent; that of this machine is in the mesh's process",
    ({ cpuSeconds }) => cpuSeconds,
  ),
  agent(
    "gauge",
    "norouter_agent_resident_memory_bytes",
    "Resident memory of the host's agent",
    ({ residentBytes }) => residentBytes,
  ),
  agent(
    "gauge",
    "norouter_agent_start_time_seconds",
    "Start of the host's agent, by its clock, in seconds since 1970",
    ({ startedAt }) => startedAt,
  ),
  agent(
    "gauge",
    "norouter_agent_open_fds",
    "Open file descriptors of the host's agent",
    ({ openFiles }) => openFiles,
  ),
  agent(
    "gauge",
    "norouter_agent_max_fds",
    "The most file descriptors that the host's agent may have",
    ({ mostFiles }) => mostFiles,
  ),
];

/** How many are up and how many failed, of each host and kind that has any. */
function* countOfListeners(
  listeners: readonly (OfHost & Pick<ListenerStatus, "kind" | "error">)[],
): Generator<Sample> {
  const counts = new Map<string, Map<string, [up: number, failed: number]>>();
  for (const { host, kind, error } of listeners) {
    let kinds = counts.get(host);
    if (!kinds) counts.set(host, kinds = new Map());
    let count = kinds.get(kind);
    if (!count) kinds.set(kind, count = [0, 0]);
    count[error ? 1 : 0]++;
  }
  for (const [host, kinds] of counts) {
    for (const kind of KINDS) {
      const [up, failed] = kinds.get(kind) ?? [];
      yield [up, host, kind, "up"];
      yield [failed, host, kind, "failed"];
    }
  }
}
