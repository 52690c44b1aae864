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
export type Service = "loopback" | "http" | "socks" | "dns" | "egress" | "inbound";

/** All of them. */
export const SERVICES: readonly Service[] = [
  "loopback",
  "http",
  "socks",
  "dns",
  "egress",
  "inbound",
];

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
export type DialFate =
  | "connected"
  | "abandoned"
  | "refused"
  | "network-unreachable"
  | "host-unreachable"
  | "host-unknown"
  | "timed-out"
  | "prohibited"
  | "forbidden"
  | "failed";

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
  return {
    "connected": 0,
    "abandoned": 0,
    "refused": 0,
    "network-unreachable": 0,
    "host-unreachable": 0,
    "host-unknown": 0,
    "timed-out": 0,
    "prohibited": 0,
    "forbidden": 0,
    "failed": 0,
  };
}

/** All fates of a dial. */
export const DIAL_FATES: readonly DialFate[] = Object.keys(dialCounters()) as DialFate[];

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
