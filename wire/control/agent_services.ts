/**
 * The clients and the dials of an agent, in the result of `status`.
 *
 * @module
 */

import * as v from "valibot";

/**
 * Who the clients of an agent are: those of its real listeners, by kind, and `inbound`: other
 * hosts, which ask for its ports, its name server and what is behind it.
 */
export const SERVICES = [
  ...["loopback", "http", "socks", "dns", "egress", "inbound"] as const,
] as const;

/** One of {@linkcode SERVICES}. */
export type Service = typeof SERVICES[number];

/** The clients of a service, since the agent's start. */
export interface ServiceCounters {
  /** Clients that are connected, or whose target is being dialled. */
  clients: number;
  /** Clients that came, without those turned away. */
  served: number;
  /** Clients turned away: the address had as many as it may have at once. */
  turnedAway: number;
}

/** What became of a dial: it connected, its client gave up, or the failure. */
export const DIAL_FATES = [
  "connected",
  "abandoned",
  "refused",
  "network-unreachable",
  "host-unreachable",
  "host-unknown",
  "timed-out",
  "prohibited",
  "forbidden",
  "failed",
] as const;

/** One of {@linkcode DIAL_FATES}. */
export type DialFate = typeof DIAL_FATES[number];

/** Dials of real addresses that are over, by fate, since the agent's start. */
export type DialCounters = Record<DialFate, number>;

/** What an agent does for clients. */
export interface AgentServices {
  /** The clients of each service. */
  services: Record<Service, ServiceCounters>;
  /** Its dials. */
  dials: DialCounters;
}

/** No dial so far. */
export function dialCounters(): DialCounters {
  return Object.fromEntries(DIAL_FATES.map((fate) => [fate, 0])) as DialCounters;
}

/** An agent of another version may count less, and more. */
const count = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), 0);
const SERVICE = v.nullish(
  v.object({ clients: count, served: count, turnedAway: count }),
  {},
);

/** The services and dials of an agent. */
export const AGENT_SERVICES: v.GenericSchema<unknown, AgentServices> = v.object({
  services: v.object({
    loopback: SERVICE,
    http: SERVICE,
    socks: SERVICE,
    dns: SERVICE,
    egress: SERVICE,
    inbound: SERVICE,
  }),
  dials: v.object({
    "connected": count,
    "abandoned": count,
    "refused": count,
    "network-unreachable": count,
    "host-unreachable": count,
    "host-unknown": count,
    "timed-out": count,
    "prohibited": count,
    "forbidden": count,
    "failed": count,
  }),
});
