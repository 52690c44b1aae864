/**
 * Plan: rules at work. The way of each packet follows from the rules, the presence of
 * hosts, and the routed connections; other rules make another plan.
 *
 * @module
 */

import type { Rules } from "../manifest/rules.ts";
import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { isIcmpError } from "../wire/ip/icmp.ts";
import { destinationOf, Protocol, protocolOf } from "../wire/ip/ipv4.ts";
import type { ConnectionsBetween } from "./between.ts";
import type { RouteCounters } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import type { Echoes } from "./echoes.ts";
import { Flow } from "./flow.ts";
import type { FlowTable } from "./flows.ts";
import type { Forwarding } from "./forwarding.ts";
import { Member, type Members } from "./members.ts";
import type { Gate } from "./policy/gate.ts";
import { RoutedConnections } from "./routed.ts";
import type { Remains } from "./remains.ts";
import type { Suggestions } from "./suggestions.ts";
import { RoutingTable } from "./table.ts";
import { FOREIGN, type Way, Ways } from "./way.ts";

/** The part of the rules that a router goes by. */
export type RouterRules =
  & Pick<Rules, "version" | "hosts" | "routes">
  & Partial<Pick<Rules, "policy" | "ports">>;

/** The parts that outlive a plan. The members are those of its rules. */
export interface PlanParts {
  readonly members: Members;
  readonly flows: FlowTable;
  readonly suggestions: Suggestions;
  readonly delivery: Delivery;
  readonly counters: RouteCounters;
  readonly between: ConnectionsBetween;
  readonly echoes: Echoes;
  /** Decides new connections; undefined if the rules have no policy. */
  readonly gate: Gate | undefined;
  readonly remains: Remains;
}

/** Decides by rules that never change. */
export class Plan implements Forwarding {
  /** The version of its rules. */
  readonly version: number;
  /** Where addresses lead. */
  readonly table: RoutingTable;
  /** TCP to and from foreign addresses. */
  readonly routed: RoutedConnections;
  readonly #ways: Ways;
  readonly #parts: PlanParts;

  /** Makes the plan of `rules`. */
  constructor(rules: RouterRules, parts: PlanParts) {
    const { suggestions } = parts;
    this.version = rules.version;
    this.table = new RoutingTable(rules.hosts, rules.routes, { suggestions });
    this.routed = new RoutedConnections({ ...parts, table: this.table });
    this.#ways = new Ways({ ...parts, table: this.table });
    this.#parts = parts;
  }

  /**
   * The way of a packet of `origin`; undefined if `origin` may not send the packet, see
   * {@linkcode Ways}.
   */
  find(origin: Member, packet: Uint8Array, at: number): Way | undefined {
    return this.#ways.find(origin, packet, at);
  }

  /** Sends a packet of `origin` its way, or disowns a packet without a way. */
  forward(origin: Member, frame: Frame, way: unknown): void {
    const { delivery, flows, counters } = this.#parts;
    const protocol = protocolOf(frame.bytes, HEADER_BYTES);
    if (way instanceof Member) {
      if (protocol === Protocol.TCP) {
        const { between } = this.#parts;
        if (between.concerns(frame.bytes) && !between.pass(origin, way, frame)) return;
      } else if (protocol === Protocol.ICMP) {
        if (this.#parts.echoes.take(frame)) return void counters.delivered++;
        if (isIcmpError(frame.bytes, HEADER_BYTES)) {
          this.#refuse(flows.quoted(origin.name, frame.bytes, HEADER_BYTES));
        }
      }
      delivery.send(origin, way, frame);
    } else if (way === FOREIGN) {
      if (protocol === Protocol.TCP) this.routed.send(origin, frame);
      else delivery.send(origin, this.#beyond(origin, frame), frame);
    } else if (way instanceof Flow) {
      if (protocol === Protocol.TCP) return this.routed.answer(origin, way, frame);
      this.#refuse(way);
      delivery.send(origin, this.#parts.members.named(way.initiator), frame);
    } else {
      counters.refused++;
      this.routed.disown(origin, frame);
    }
  }

  /** Takes a packet that `origin` may not send, see {@linkcode RoutedConnections}. */
  disown(origin: Member, frame: Frame): void {
    this.routed.disown(origin, frame);
  }

  /**
   * An ICMP error is about a flow: a flow that is not open yet is over. To an open flow
   * the error is a hint.
   */
  #refuse(flow: Flow | undefined): void {
    if (flow !== undefined) this.#parts.flows.refuse(flow);
  }

  /** The host that a foreign destination leads to, for packets of no connection. */
  #beyond(origin: Member, { bytes }: Frame): Member | undefined {
    const via = this.table.lookup(origin.name, destinationOf(bytes, HEADER_BYTES));
    return via === undefined ? undefined : this.#parts.members.named(via);
  }
}
