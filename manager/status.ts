/**
 * Status: the state and the counters of a mesh at one moment (`gather_status.ts`).
 *
 * Plain data, without loss in JSON, and the only source for every display of a mesh. Unless
 * said otherwise counters begin with the mesh, those of a host with the host, and only go
 * up; times are in milliseconds, and lists are in the order of the manifest's hosts.
 *
 * @module
 */

import type { QueueStatus } from "../link/queue/queue.ts";
import type { WaitingStatus } from "../link/queue/waiting.ts";
import type { WindowStatus } from "../link/window/window.ts";
import type { RouteCounters } from "../router/counters.ts";
import type { PolicyRuleStatus } from "../router/policy/gate.ts";
import type { PoliceCounters } from "../router/police.ts";
import type { Traffic } from "../link/channel.ts";
import type { AgentServices } from "../wire/control/agent_services.ts";
import type { AgentStack } from "../wire/control/agent_stack.ts";
import type { ListenerStatus } from "../wire/control/control.ts";
import type { ProcessFigures } from "../wire/control/process_figures.ts";
import type { HostState } from "./session.ts";

/** A mesh at one moment. */
export interface MeshStatus {
  /** Milliseconds since the start. */
  readonly ms: number;
  /** Version of the rules in force, from 1. */
  readonly rulesVersion: number;
  /** Every host of the mesh. */
  readonly hosts: readonly HostStatus[];
  /** The link of each host, up or not. */
  readonly links: readonly LinkStatus[];
  /** The queue to each host that is ready; counters begin with the present link. */
  readonly queues: readonly (OfHost & QueueStatus)[];
  /** Packets that wait for hosts that are starting or away; hosts without any are left out. */
  readonly waiting: readonly (OfHost & WaitingStatus)[];
  /** Fates of packets, in frames. */
  readonly packets: Readonly<RouteCounters>;
  /** Routed connections: those to addresses that are no VIP. */
  readonly flows: RoutedStatus;
  /** The rules of the policy in order, with the connections that each has decided. */
  readonly policy: readonly Readonly<PolicyRuleStatus>[];
  /** The stack of each agent that reports its stack; NoRouter's agents do not. */
  readonly stacks: readonly StackStatus[];
  /** The real listeners of each agent that tells of them. */
  readonly listeners: readonly (OfHost & Readonly<ListenerStatus>)[];
  /**
   * The clients and the dials of each agent that tells of them, since that agent's start.
   */
  readonly services: readonly (OfHost & Readonly<AgentServices>)[];
  /** The process of each agent that tells of it; that of this machine's is `process`. */
  readonly processes: readonly (OfHost & Readonly<ProcessFigures>)[];
  /** The process of the mesh itself. */
  readonly process: Readonly<ProcessFigures>;
}

/** An entry of a host. */
export interface OfHost {
  /** The host's name in the manifest. */
  readonly host: string;
}

/** The state of a host. */
export interface HostStatus extends OfHost {
  /** Its virtual IPv4 address, dotted. */
  readonly vip: string;
  /** Its state. */
  readonly state: HostState;
  /** The command that reaches it, or `the agent in this process`. */
  readonly command: string;
  /** The version that its agent announced; absent unless ready. */
  readonly version?: string;
  /** The features that its agent announced; empty unless ready. */
  readonly features: readonly string[];
  /** Whether its agent stays when its link is gone; absent unless ready or away. */
  readonly resume?: ResumeStatus;
  /** Failures in a row. */
  readonly failures: number;
  /** The last failure; absent unless away or down. */
  readonly lastFailure?: string;
  /** Weight of its packets in the queues of all links, in bytes. */
  readonly charged: number;
  /** Foreign addresses that its agent suggested and that are remembered. */
  readonly suggestions: number;
}

/** Whether an agent stays when its link is gone, to be taken back over the next. */
export type ResumeStatus =
  | {
    /** It does. */
    readonly on: true;
    /** Seconds that it stays. */
    readonly seconds: number;
  }
  | {
    /** It does not, and why, for people. */
    readonly off: string;
  };

/** The traffic from a host, over all its links. */
export interface LinkStatus extends OfHost {
  /** How often the host became ready. */
  readonly timesReady: number;
  /** How often its agent was taken back over another link, with its connections. */
  readonly timesResumed: number;
  /** How often a link was opened, or was to be. */
  readonly attempts: number;
  /** Milliseconds since the host became ready; absent unless ready. */
  readonly ms?: number;
  /** What may be under way to the host; absent unless its agent acknowledges. */
  readonly window?: WindowStatus;
  /** Frames from the host by the verdict of police: `ok` passed, others were dropped. */
  readonly frames: Readonly<PoliceCounters>;
  /** Both ways; unlike `queues`, over all its links. */
  readonly traffic: Traffic;
  /** Control messages dropped: too many came, or nobody had asked. */
  readonly droppedControls: Excessive;
  /** Lines of text left out of the log: too many came. `bytes` are characters. */
  readonly droppedLines: Excessive;
}

/** Pieces beyond a budget. */
export interface Excessive {
  /** Their number. */
  readonly count: number;
  /** Their bytes, summed up. */
  readonly bytes: number;
}

/** Routed connections at the moment, by phase. */
export interface RoutedStatus {
  /** Asked for, and not answered yet. */
  readonly opening: number;
  /** In use. */
  readonly open: number;
  /** Closed by both sides, and remembered for late packets. */
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
