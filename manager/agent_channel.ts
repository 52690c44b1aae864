/**
 * The channel to the agent of a host: the meaning of its events, and the length of its
 * messages.
 *
 * @module
 */

import type { Carry } from "../link/adopted.ts";
import { Channel } from "../link/channel.ts";
import type { Clock } from "../link/clock.ts";
import { MOST_CONTROL_BYTES } from "../link/inbox.ts";
import {
  type AgentStatus,
  type ConfigureArgs,
  type ControlEvent,
  encodeControl,
  type ExtendArgs,
  parseEndWish,
  parseRouteSuggestion,
  parseStatus,
  type RouteSuggestion,
} from "../wire/control/control.ts";

/** Bytes that the state of one listener may add to the result of `status`. */
const LISTENER_BYTES = 512;

/** What an agent is told, as far as it decides how much the agent can tell. */
type Greeting = {
  readonly configure: ConfigureArgs;
  readonly extend?: Pick<ExtendArgs, "egress"> | undefined;
};

/** The parts of a channel to an agent. */
export interface AgentChannelPlan {
  /** The agent's configuration; another link may bring another. */
  readonly greeting: Greeting;
  readonly clock: Clock;
  /** Takes frames from the host. */
  readonly carry: Carry;
}

/** The messages that an agent sends unasked. */
export interface AgentEvents {
  /** The agent suggests a route. */
  suggestion(suggestion: RouteSuggestion): void;
  /** The agent told of listeners that had failed and are up now. */
  listenersUp(status: AgentStatus): void;
  /** A control message was dropped: too many came, or nobody asked for it. */
  excess(bytes: number): void;
}

/** Makes the channel to the agent of a host. */
export function agentChannel(plan: AgentChannelPlan, events: AgentEvents): Channel {
  const { clock, carry } = plan;
  const channel = new Channel({
    clock,
    get longest() {
      return longestStatus(plan.greeting);
    },
    carry,
    event(event) {
      if (event.type === "askedToEnd") stay(event, channel);
      else tell(event, events);
    },
    excess: (bytes) => events.excess(bytes),
  });
  return channel;
}

/** Bytes of the longest result of `status` from an agent with this configuration. */
export function longestStatus({ configure, extend }: Greeting): number {
  const { others, forwards, nameServers = [] } = configure;
  // Two more for its proxies.
  const listeners = others.length + forwards.length + nameServers.length + 2 +
    (extend?.egress?.length ?? 0);
  return MOST_CONTROL_BYTES + LISTENER_BYTES * listeners;
}

/** Another manager of the same mesh has an agent there as well: this one lives, and says so. */
function stay({ data }: ControlEvent, channel: Channel): void {
  const body = { type: "stay", data: parseEndWish(data) };
  if (channel.state === "ready") channel.push(encodeControl({ type: "event", body }));
}

/** Ignores events of other types, which newer agents send. */
function tell({ type, data }: ControlEvent, events: AgentEvents): void {
  if (type === "routeSuggestion") events.suggestion(parseRouteSuggestion(data));
  else if (type === "listeners") events.listenersUp(parseStatus(data));
}
