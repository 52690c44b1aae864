/**
 * Way: where a packet goes, as far as its addresses tell; and whether its sender may send
 * there.
 *
 * A packet is looked up once. Police does so, and the result is carried along with the
 * frame: a host, by the VIP of the destination; a routed connection, for packets from a
 * foreign address; or that the destination is foreign. Where a foreign destination leads
 * is decided in order, at the end of the pipeline, since the packets and control messages
 * before it in the same batch may change that.
 *
 * ## Who may send what
 *
 * From a foreign source a host may send segments of flows bound to it, and ICMP errors
 * that quote such a flow; see `flows.ts`. No stack of a mesh sends anything but TCP and
 * ICMP errors to or from foreign addresses. The rest comes back from addresses that a
 * range leads to.
 *
 * @module
 */

import {
  destinationOf,
  isFragment,
  Protocol,
  protocolOf,
  sourceOf,
} from "../wire/ip/ipv4.ts";
import { isIcmpError } from "../wire/ip/icmp.ts";
import { isSegment } from "../wire/ip/tcp.ts";
import type { Flow } from "./flow.ts";
import type { FlowTable } from "./flows.ts";
import type { Member, Members } from "./members.ts";
import type { RoutingTable } from "./table.ts";

/** The way to an address that is no VIP. */
export const FOREIGN = "foreign";

/**
 * To a host's VIP; back to the opener of a routed connection; or to a foreign address.
 */
export type Way = Member | Flow | typeof FOREIGN;

/** The data that a look-up reads. */
export interface Territory {
  readonly table: RoutingTable;
  readonly members: Members;
  readonly flows: FlowTable;
}

/** Looks up packets. Changes nothing. */
export class Ways {
  readonly #table: RoutingTable;
  readonly #members: Members;
  readonly #flows: FlowTable;

  /** Looks into these parts; another table needs other ways. */
  constructor({ table, members, flows }: Territory) {
    this.#table = table;
    this.#members = members;
    this.#flows = flows;
  }

  /**
   * The way of the packet at `at`, whose header is sound; undefined if `origin` may not
   * send the packet. An ICMP error from a foreign address goes the way of the quoted
   * flow.
   */
  find(origin: Member, packet: Uint8Array, at: number): Way | undefined {
    const source = sourceOf(packet, at);
    if (source === origin.vip) return this.#to(packet, at);
    if (this.#members.at(source) !== undefined) return undefined;
    const protocol = protocolOf(packet, at);
    if (protocol === Protocol.TCP) {
      return isSegment(packet, at)
        ? this.#flows.answerOf(origin.name, packet, at)
        : undefined;
    }
    if (protocol === Protocol.ICMP) {
      // A later fragment would bring a type of its own.
      if (isFragment(packet, at)) return undefined;
      if (isIcmpError(packet, at)) return this.#flows.quoted(origin.name, packet, at);
    }
    return this.#table.isBehind(origin.name, source) ? this.#to(packet, at) : undefined;
  }

  #to(packet: Uint8Array, at: number): Way {
    return this.#members.at(destinationOf(packet, at)) ?? FOREIGN;
  }
}
