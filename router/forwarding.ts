/**
 * Forwarding: the end of every pipeline, which a watch may stand around.
 *
 * A stage would not do for a watch that comes and goes: a pipeline that runs waits for its
 * next batch already, which would pass a stage that is put in now unseen. The end is asked
 * for each packet, so what stands there sees the next one.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";
import type { RouteCounters } from "./counters.ts";
import type { FlowTable } from "./flows.ts";
import type { Member, Members } from "./members.ts";
import type { Denial } from "./policy/gate.ts";
import type { RoutingTable } from "./table.ts";

/** Takes the packets of all hosts. Never waits. */
export interface Forwarding {
  /** Sends a packet of `origin` its way, see `way.ts`. */
  forward(origin: Member, frame: Frame, way: unknown): void;
  /** Takes a packet that `origin` may not send. */
  disown(origin: Member, frame: Frame): void;
}

/** Says the router's own packets, such as resets. */
export interface Voice {
  /** Sends a packet of the router's own to a host. */
  say(to: Member, frame: Frame): void;
}

/** The voice that nobody listens to: a host that is up gets the packet, and is charged. */
export const PLAIN_VOICE: Voice = {
  say: (to, frame) => void to.outlet?.push(frame, to.sender),
};

/** What a watch stands around, and what it looks into. */
export interface Watchable {
  readonly end: Forwarding;
  readonly voice: Voice;
  readonly table: RoutingTable;
  readonly members: Members;
  readonly flows: FlowTable;
  readonly counters: Readonly<RouteCounters>;
}

/** Stands around the end of pipelines. */
export interface WatchedEnd extends Forwarding, Voice {
  /** Told of each connection that the policy denied, while its SYN is forwarded. */
  denied(denial: Denial): void;
}

/** Makes the watch around the end of pipelines; other rules make another end. */
export type Around = (watchable: Watchable) => WatchedEnd;
