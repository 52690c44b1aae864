/**
 * The counters of a router.
 *
 * @module
 */

/** The fates of packets, in frames, and of routed connections. */
export interface RouteCounters {
  /** Given to an outlet. */
  delivered: number;
  /** Put among the waiting; these packets count again by their later fate. */
  waited: number;
  /** Dropped because too much was waiting. */
  overflowed: number;
  /** Sent to a host that was down, or to a connection that is over. */
  refused: number;
  /** Dropped because the host was away: their senders send them again. */
  missed: number;
  /** Sent to an address that leads nowhere. */
  unroutable: number;
  /** Routed connections reset: a host went down, a day of silence, or as below. */
  aborted: number;
  /** Those of them whose place was needed: too many were open. */
  evicted: number;
  /** Connections that the policy denied when they were asked for. */
  denied: number;
  /** Open connections reset because new rules of the policy forbid them. */
  forbidden: number;
}

/** Counters at zero. */
export function routeCounters(): RouteCounters {
  return {
    delivered: 0,
    waited: 0,
    overflowed: 0,
    refused: 0,
    missed: 0,
    unroutable: 0,
    aborted: 0,
    evicted: 0,
    denied: 0,
    forbidden: 0,
  };
}
