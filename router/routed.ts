/**
 * Routed connections: TCP to addresses that are no VIP, each bound to the host that its
 * SYN went to; see `flows.ts`.
 *
 * The SYN is decided by the table, and later segments go where the SYN went or, without a
 * flow, are refused. To a flow that is not open yet an ICMP error is a refusal, behind
 * which only a reset passes. A segment of no flow goes no further, and its sender gets
 * the reset that ends the connection there. When either host of a flow goes down, or the
 * flow is lost, both ends are reset at once as far as they are up.
 *
 * @module
 */

import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { destinationOf, sourceOf, TcpFlag, tcpFlagsOf } from "../wire/ip/ipv4.ts";
import { isOpening, isSegment } from "../wire/ip/tcp.ts";
import type { RouteCounters } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import { type Flow, isRepeated } from "./flow.ts";
import type { Member } from "./members.ts";
import type { Gate } from "./policy/gate.ts";
import type { Remains } from "./remains.ts";
import { resetFor, resetOf } from "./refusal.ts";
import type { Territory } from "./way.ts";

/** The parts that routed connections go by. */
export interface RoutedOptions extends Territory {
  readonly delivery: Delivery;
  readonly counters: RouteCounters;
  /** Decides new connections; undefined if all are allowed. */
  readonly gate: Gate | undefined;
  /** Takes what is aborted. */
  readonly remains: Remains;
}

/** Decides, under one table, where the segments of routed connections go. */
export class RoutedConnections {
  readonly #options: RoutedOptions;

  constructor(options: RoutedOptions) {
    this.#options = options;
  }

  /** A TCP packet from the VIP of `origin` to a foreign address. */
  send(origin: Member, frame: Frame): void {
    const { flows, members, delivery, counters } = this.#options;
    const packet = frame.bytes;
    if (!isSegment(packet, HEADER_BYTES)) {
      // A fragment, or no whole header: the flow is unknown.
      counters.unroutable++;
      return;
    }
    let flow = flows.outbound(packet, HEADER_BYTES);
    if (isOpening(packet, HEADER_BYTES)) {
      if (flow === undefined || !isRepeated(flow, packet, HEADER_BYTES)) {
        flow = this.#open(origin, frame, flow);
      }
    } else if (flow === undefined) delivery.refuse(origin, frame);
    if (flow === undefined) return;
    flows.sent(flow, packet, HEADER_BYTES);
    delivery.send(origin, members.named(flow.via), frame);
  }

  /**
   * A TCP packet of `origin` from a foreign address, of the flow that police has found.
   */
  answer(origin: Member, flow: Flow, frame: Frame): void {
    const { flows, members, delivery, counters } = this.#options;
    const packet = frame.bytes;
    // The flow may have ended since, by a packet of the same batch. A refused flow lets
    // only the reset behind the refusal pass.
    if (
      !flows.has(flow) ||
      flow.phase === "refused" && (tcpFlagsOf(packet, HEADER_BYTES) & TcpFlag.RST) === 0
    ) {
      counters.refused++;
      return this.disown(origin, frame);
    }
    flows.answered(flow, packet, HEADER_BYTES);
    delivery.send(origin, members.named(flow.initiator), frame);
  }

  /**
   * Takes a packet that `origin` may not send. A segment from a foreign address is of a
   * connection that is over here, if a route leads to the host at all: the host gets a
   * reset, since nobody else would tell.
   */
  disown(origin: Member, frame: Frame): void {
    const { table, members, delivery } = this.#options;
    const packet = frame.bytes;
    if (!table.isVia(origin.name) || !isSegment(packet, HEADER_BYTES)) return;
    if (members.at(sourceOf(packet, HEADER_BYTES)) !== undefined) return;
    delivery.say(origin, resetOf(packet, HEADER_BYTES));
  }

  /**
   * Whether a flow may go on, whatever the policy says: both of its hosts are there, and a
   * route still leads there.
   */
  allows({ initiator, via, address, foreign, isSuggested }: Flow): boolean {
    const { table, members } = this.#options;
    if (members.named(via) === undefined) return false;
    if (members.named(initiator) === undefined) return false;
    if (members.at(foreign) !== undefined) return false;
    if (table.vipOf(initiator) !== address) return false;
    return isSuggested ? table.isVia(via) : table.behind(foreign) !== undefined;
  }

  /** Whether the policy forbids a flow. */
  forbids(flow: Flow): boolean {
    return this.#options.gate?.forbids(flow, true) ?? false;
  }

  /** Resets both ends of a flow that is over. */
  abort(flow: Flow): void {
    const { members, delivery, counters, remains } = this.#options;
    counters.aborted++;
    // One that is opening has nobody yet, and a finished one nobody any more.
    if (flow.phase === "open") remains.add(flow);
    this.#resetVia(flow);
    delivery.say(
      members.named(flow.initiator),
      resetFor({
        source: flow.foreign,
        sourcePort: flow.foreignPort,
        destination: flow.address,
        destinationPort: flow.port,
        sequence: flow.initiatorExpects,
        acknowledged: flow.viaExpects,
      }),
    );
  }

  /**
   * Decides a SYN, in the place of an `old` flow of its five-tuple; undefined if the SYN
   * is refused.
   */
  #open(origin: Member, frame: Frame, old: Flow | undefined): Flow | undefined {
    const { flows, table, members, delivery, gate } = this.#options;
    const packet = frame.bytes;
    const foreign = destinationOf(packet, HEADER_BYTES);
    const suggested = table.suggested(origin.name, foreign);
    const via = suggested ?? table.behind(foreign);
    if (old !== undefined) {
      flows.end(old);
      // A host that will not see the five-tuple used again has to be told.
      if (old.via !== via) this.#resetVia(old);
    }
    const to = via === undefined ? undefined : members.named(via);
    const names = suggested === undefined ? [] : table.namesOf(origin.name, foreign);
    if (via === undefined || to === undefined) delivery.send(origin, undefined, frame);
    else if (
      gate?.admits({ from: origin.name, to: via, isRouted: true, names }, frame) === false
    ) delivery.forbid(origin, frame);
    else if (to.presence === "down") delivery.refuse(origin, frame);
    else {
      return flows.open(packet, HEADER_BYTES, {
        initiator: origin.name,
        via,
        isSuggested: suggested !== undefined,
        names,
      });
    }
  }

  #resetVia(flow: Flow): void {
    const { members, delivery } = this.#options;
    delivery.say(
      members.named(flow.via),
      resetFor({
        source: flow.address,
        sourcePort: flow.port,
        destination: flow.foreign,
        destinationPort: flow.foreignPort,
        sequence: flow.viaExpects,
      }),
    );
  }
}
