/**
 * Ended: routed connections that were over a moment ago.
 *
 * A host that sends to one does not know yet: a window of packets is under way, and each
 * of them comes from an address that is not the host's own. Whoever drops such a packet
 * asks here whether its sender is to blame. No packet that goes its way is asked about.
 *
 * Of the connections that ended within {@linkcode LATE_MS} the newest are remembered.
 *
 * @module
 */

import { isSegment } from "../wire/ip/tcp.ts";
import type { Flow } from "./flow.ts";
import { FlowIndex } from "./flow_index.ts";

/** Milliseconds in which the rest of a connection arrives. */
const LATE_MS = 30_000;
/** Connections that are remembered; all of a mesh may end at once, by a policy. */
const LIMIT = 8192;

/** Options of {@linkcode EndedFlows}. */
export interface EndedOptions {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Goes into the hash of flows. */
  readonly seed: number;
}

/** Remembers flows that no table has any more. */
export class EndedFlows {
  readonly #options: EndedOptions;
  readonly #index: FlowIndex;
  /** The oldest at `#next` once there are as many as may be. */
  readonly #ring: Flow[] = [];
  #next = 0;

  /** Remembers none. */
  constructor(options: EndedOptions) {
    this.#options = options;
    this.#index = new FlowIndex(options.seed);
  }

  /** Takes a flow that has just left its table. */
  add(flow: Flow): void {
    const oldest = this.#ring[this.#next];
    if (oldest !== undefined) this.#index.remove(oldest);
    this.#ring[this.#next] = flow;
    this.#next = (this.#next + 1) % LIMIT;
    flow.seen = this.#options.now();
    // A five-tuple that was used again is found at its last connection.
    this.#index.add(flow);
  }

  /** Whether the packet at `at` is one of `host` on a connection that was bound to it. */
  isRest(host: string, packet: Uint8Array, at = 0): boolean {
    if (!isSegment(packet, at)) return false;
    const flow = this.#index.inbound(packet, at);
    return flow?.via === host && this.#options.now() - flow.seen <= LATE_MS;
  }
}
