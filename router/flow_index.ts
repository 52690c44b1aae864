/**
 * Flow index: flows by their five-tuple, from either side.
 *
 * A segment costs one look-up by a seeded hash, which is a small integer, so that nothing
 * is allocated. Flows of the same hash are chained; the seed keeps strangers from
 * choosing collisions.
 *
 * @module
 */

import {
  destinationOf,
  destinationPortOf,
  sourceOf,
  sourcePortOf,
} from "../wire/ip/ipv4.ts";
import { mix } from "../link/fair/flow.ts";
import type { Flow } from "./flow.ts";

/** Finds flows; the packets given are whole TCP segments, or quotes of an ICMP error. */
export class FlowIndex {
  readonly #seed: number;
  /** The chains by hash. */
  readonly #chains = new Map<number, Flow>();
  #size = 0;

  /** Makes an empty index; `seed` goes into the hash. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Number of flows. */
  get size(): number {
    return this.#size;
  }

  /** The flow of a segment sent by an initiator. */
  outbound(packet: Uint8Array, at: number): Flow | undefined {
    return this.#find(
      sourceOf(packet, at),
      sourcePortOf(packet, at),
      destinationOf(packet, at),
      destinationPortOf(packet, at),
    );
  }

  /** The flow of a segment sent to an initiator. */
  inbound(packet: Uint8Array, at: number): Flow | undefined {
    return this.#find(
      destinationOf(packet, at),
      destinationPortOf(packet, at),
      sourceOf(packet, at),
      sourcePortOf(packet, at),
    );
  }

  /** Whether a flow with the five-tuple of another is here. */
  hasSame({ address, port, foreign, foreignPort }: Flow): boolean {
    return this.#find(address, port, foreign, foreignPort) !== undefined;
  }

  /** The hash of the flow of a segment sent by an initiator. */
  hashOf(packet: Uint8Array, at: number): number {
    return this.#hash(
      sourceOf(packet, at),
      sourcePortOf(packet, at),
      destinationOf(packet, at),
      destinationPortOf(packet, at),
    );
  }

  /** Adds a flow, whose five-tuple no other here has. */
  add(flow: Flow): void {
    flow.chained = this.#chains.get(flow.hash);
    this.#chains.set(flow.hash, flow);
    this.#size++;
  }

  /** Takes out a flow that is here. */
  remove(flow: Flow): void {
    this.#size--;
    const { hash } = flow;
    let previous = this.#chains.get(hash);
    if (previous === flow) {
      if (flow.chained === undefined) this.#chains.delete(hash);
      else this.#chains.set(hash, flow.chained);
      return;
    }
    while (previous !== undefined && previous.chained !== flow) {
      previous = previous.chained;
    }
    if (previous !== undefined) previous.chained = flow.chained;
  }

  /** All flows. None may be added or taken out meanwhile. */
  *[Symbol.iterator](): Generator<Flow, void, void> {
    for (const chain of this.#chains.values()) {
      for (let flow: Flow | undefined = chain; flow; flow = flow.chained) yield flow;
    }
  }

  #find(
    address: number,
    port: number,
    foreign: number,
    foreignPort: number,
  ): Flow | undefined {
    let flow = this.#chains.get(this.#hash(address, port, foreign, foreignPort));
    while (
      flow !== undefined && (flow.port !== port || flow.foreign !== foreign ||
        flow.address !== address || flow.foreignPort !== foreignPort)
    ) flow = flow.chained;
    return flow;
  }

  #hash(address: number, port: number, foreign: number, foreignPort: number): number {
    return mix(mix(mix(this.#seed, address), foreign), port << 16 | foreignPort);
  }
}
