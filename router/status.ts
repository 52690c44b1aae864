/**
 * Status of a router: its counters and what waits in it, as plain data.
 *
 * @module
 */

import type { QueueStatus } from "../link/queue.ts";
import type { WaitingStatus } from "../link/waiting.ts";
import type { RouteCounters } from "./counters.ts";
import type { FlowStatus } from "./flows.ts";

/** A router at the moment. */
export interface RouterStatus {
  /** Version of the rules in force. */
  readonly version: number;
  /** What became of packets so far. */
  readonly counters: Readonly<RouteCounters>;
  /** Routed connections by phase. */
  readonly flows: FlowStatus;
  /** The hosts of the rules. */
  readonly hosts: readonly MemberStatus[];
}

/** A host as its router sees it. */
export interface MemberStatus {
  /** Its name. */
  readonly host: string;
  /** Whether it is there. */
  readonly presence: "up" | "starting" | "down";
  /** What waits for its link; absent unless it is up. */
  readonly queue?: QueueStatus;
  /** What waits for it to be up. */
  readonly waiting: WaitingStatus;
  /** Weight of its own packets in the queues of all links, in bytes. */
  readonly charged: number;
  /** Foreign addresses that its agent suggested and that are remembered. */
  readonly suggestions: number;
}
