/**
 * Echo: what a ping is told to do, and what it finds.
 *
 * @module
 */

import type { HostState } from "./session.ts";

/** Options of a ping. */
export interface PingOptions {
  /** The host that asks: a name, an alias or a VIP. Default: this machine's. */
  readonly from?: string | undefined;
  /** Data of the echo in bytes, 0 to 65507. Default 56. */
  readonly size?: number | undefined;
  /** Milliseconds to wait for the answer, 1 to 10 000. Default 2000. */
  readonly ms?: number | undefined;
}

/**
 * What came of an echo: an answer; none in time (`lost`); nobody was asked, as a host is not
 * ready (its state); or its agent answers no echo (`unable`).
 */
export type EchoOutcome = "answered" | "lost" | "unable" | Exclude<HostState, "ready">;

/** The round trip of a hop of an echo. */
export interface EchoHop {
  /** The host. */
  readonly host: string;
  /**
   * Between this program and the host's agent (`link`), or the rest: the host's stack, and
   * the queue of packets in front of the link (`stack`).
   */
  readonly hop: "link" | "stack";
  /** Milliseconds. */
  readonly ms: number;
}

/** An echo. */
export interface Echo {
  /** The host that was asked. */
  readonly host: string;
  /** Its virtual address, dotted. */
  readonly vip: string;
  /** The host that asked. */
  readonly from: string;
  /** Bytes of the ICMP message: the data, and 8. */
  readonly bytes: number;
  /** What came of it. */
  readonly outcome: EchoOutcome;
  /** Milliseconds of the round trip, if answered. */
  readonly ms?: number;
  /** Its hops, if answered; none where the link could not be measured. */
  readonly hops: readonly EchoHop[];
  /** Why there is no answer, in words. */
  readonly message?: string;
}
