/**
 * Status: all that a mesh counts and holds at one moment. `gather_status.ts` gathers it.
 *
 * It is plain data, which JSON can hold. Whatever shows how a mesh does shows this. Unless
 * said otherwise counters begin with the mesh and only go up, times are in milliseconds, and
 * lists are in the order of the manifest's hosts.
 *
 * @module
 */

import type { QueueStatus } from "../link/queue.ts";
import type { WaitingStatus } from "../link/waiting.ts";
import type { RouteCounters } from "../router/counters.ts";
import type { PoliceCounters } from "../router/police.ts";
import type { AgentStack } from "../wire/control/agent_stack.ts";
import type { ListenerStatus } from "../wire/control.ts";
import type { HostState } from "./session.ts";

/** A mesh at one moment. */
export interface MeshStatus {
  /** Milliseconds since it was started. */
  readonly ms: number;
  /** Version of the rules in force, from 1. */
  readonly rulesVersion: number;
  /** Every host of the mesh. */
  readonly hosts: readonly HostStatus[];
  /** The link of each host, up or not. */
  readonly links: readonly LinkStatus[];
  /** What waits for the link of each host that is ready; counted since that link began. */
  readonly queues: readonly (OfHost & QueueStatus)[];
  /** What waits for each host that is starting, and there is something. */
  readonly waiting: readonly (OfHost & WaitingStatus)[];
  /** What became of packets, in frames. */
  readonly packets: Readonly<RouteCounters>;
  /** Routed connections: those to addresses that are no VIP. */
  readonly flows: RoutedStatus;
  /** The stack of each agent that tells of it; NoRouter's do not. */
  readonly stacks: readonly StackStatus[];
  /** The real listeners of each agent that tells of them. */
  readonly listeners: readonly (OfHost & Readonly<ListenerStatus>)[];
}

/** Whose something is. */
export interface OfHost {
  /** The host's name in the manifest. */
  readonly host: string;
}

/** What a host does. */
export interface HostStatus extends OfHost {
  /** Its virtual IPv4 address, dotted. */
  readonly vip: string;
  /** What it is doing. */
  readonly state: HostState;
  /** What is run to reach it. */
  readonly command: string;
  /** The version its agent says; absent unless ready. */
  readonly version?: string;
  /** What its agent can do; empty unless ready. */
  readonly features: readonly string[];
  /** Failures in a row. */
  readonly failures: number;
  /** What went wrong last; absent unless it is down. */
  readonly lastFailure?: string;
  /** What its packets weigh that wait in the queues of all links, in bytes. */
  readonly charged: number;
  /** Foreign addresses that its agent suggested and that are remembered. */
  readonly suggestions: number;
}

/** What came over the links of a host, all of them together. */
export interface LinkStatus extends OfHost {
  /** How often the host became ready. */
  readonly timesReady: number;
  /** For how long it has been ready, in milliseconds; absent unless it is. */
  readonly ms?: number;
  /** Frames that came, by what police said of them: `ok` passed, others were dropped. */
  readonly frames: Readonly<PoliceCounters>;
  /** Control messages that were dropped: too many came, or nobody had asked. */
  readonly droppedControls: Excessive;
  /** Lines of text that were left out, since there were too many; `bytes` are characters. */
  readonly droppedLines: Excessive;
}

/** What was beyond a budget. */
export interface Excessive {
  /** How many. */
  readonly count: number;
  /** All their bytes. */
  readonly bytes: number;
}

/** Routed connections at the moment, by phase. */
export interface RoutedStatus {
  /** Asked for, and not answered yet. */
  readonly opening: number;
  /** In use. */
  readonly open: number;
  /** Closed by both sides, and remembered for what still comes. */
  readonly finished: number;
  /** Refused by an ICMP message, and remembered likewise. */
  readonly refused: number;
  /** The most there may be. */
  readonly limit: number;
}

/** The stack of a host's agent. */
export interface StackStatus extends OfHost, Readonly<AgentStack> {
  /** Milliseconds since the agent told this. */
  readonly age: number;
}
