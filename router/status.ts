/**
 * Status of a router: its counters and waiting frames, as plain data.
 *
 * @module
 */

import type { QueueStatus } from "../link/queue/queue.ts";
import type { WaitingStatus } from "../link/queue/waiting.ts";
import type { ConnectionsBetween } from "./between.ts";
import type { RouteCounters } from "./counters.ts";
import type { FlowStatus, FlowTable } from "./flows.ts";
import type { Members, Presence } from "./members.ts";
import type { Gate, PolicyRuleStatus } from "./policy/gate.ts";
import type { Suggestions } from "./suggestions.ts";

/** A router at the moment. */
export interface RouterStatus {
  /** Version of the rules in force. */
  readonly version: number;
  /** The fates of packets so far. */
  readonly counters: Readonly<RouteCounters>;
  /** Routed connections by phase. */
  readonly flows: FlowStatus;
  /** Connections between VIPs that are known. */
  readonly between: number;
  /** The rules of the policy, with the connections that each has decided. */
  readonly policy: readonly PolicyRuleStatus[];
  /** The hosts of the rules. */
  readonly hosts: readonly MemberStatus[];
}

/** A host as its router sees it. */
export interface MemberStatus {
  /** Its name. */
  readonly host: string;
  /** The presence that the manager told last. */
  readonly presence: Presence;
  /** The backlog for its link; absent unless the host is up. */
  readonly queue?: QueueStatus;
  /** The frames that wait for the host to be up. */
  readonly waiting: WaitingStatus;
  /** Weight of its own packets in the queues of all links, in bytes. */
  readonly charged: number;
  /** Foreign addresses that its agent suggested and that are remembered. */
  readonly suggestions: number;
}

/** The parts of a router. */
export interface RouterParts {
  readonly version: number;
  readonly counters: Readonly<RouteCounters>;
  readonly flows: FlowTable;
  readonly members: Members;
  readonly suggestions: Suggestions;
  readonly between: ConnectionsBetween;
  readonly gate: Gate | undefined;
}

/** The status of a router. */
export function statusOf(parts: RouterParts): RouterStatus {
  const { version, counters, flows, members, suggestions, between, gate } = parts;
  return {
    version,
    counters: { ...counters },
    flows: flows.status(),
    between: between.size,
    policy: gate?.status() ?? [],
    hosts: Array.from(members, ({ name, presence, outlet, waiting, sender }) => {
      const queue = outlet?.status?.();
      return {
        host: name,
        presence,
        ...(queue && { queue }),
        waiting: waiting?.status() ?? { frames: 0, bytes: 0 },
        charged: sender.weight,
        suggestions: suggestions.countOf(name),
      };
    }),
  };
}
