/**
 * Flow ages: which flow was silent longest, to be forgotten in time or to make room.
 *
 * Every flow is in exactly one list: finished flows share a list, the others are in lists
 * by initiator and phase. Each list is in the order of last use, so the flow to go stands
 * in front; a segment costs a few writes.
 *
 * @module
 */

import { type Flow, FlowList, SILENCE_MS } from "./flow.ts";

/** The unfinished flows that a host has opened. */
interface Initiator {
  readonly opening: FlowList;
  readonly open: FlowList;
  /** How many there are in both. */
  count: number;
}

/** All flows by age. Times are milliseconds of the caller's clock. */
export class FlowAges {
  /**
   * By name; as many as hosts, since those without flows are dropped by
   * {@linkcode prune}.
   */
  readonly #initiators = new Map<string, Initiator>();
  readonly #finished = new FlowList();

  /** A new flow, which is opening. */
  enter(flow: Flow, now: number): void {
    let initiator = this.#initiators.get(flow.initiator);
    if (initiator === undefined) {
      initiator = { opening: new FlowList(), open: new FlowList(), count: 0 };
      this.#initiators.set(flow.initiator, initiator);
    }
    initiator.count++;
    this.#move(flow, initiator.opening, now);
  }

  /** A segment of a flow passed. */
  touch(flow: Flow, now: number): void {
    this.#move(flow, flow.list!, now);
  }

  /** An opening flow was answered. */
  opened(flow: Flow, now: number): void {
    this.#move(flow, this.#initiators.get(flow.initiator)!.open, now);
  }

  /** An unfinished flow is over, and stays for a while. */
  finished(flow: Flow, now: number): void {
    if (!this.isFinished(flow)) this.#initiators.get(flow.initiator)!.count--;
    this.#move(flow, this.#finished, now);
  }

  /** Takes out a flow. */
  leave(flow: Flow): void {
    if (!this.isFinished(flow)) this.#initiators.get(flow.initiator)!.count--;
    flow.list!.remove(flow);
  }

  /**
   * Gives each flow that was silent for too long to `end`, which has to take the flow
   * out, or to touch it.
   */
  sweep(now: number, end: (flow: Flow) => void): void {
    sweepList(this.#finished, now - SILENCE_MS.finished, end);
    for (const { opening, open } of this.#initiators.values()) {
      sweepList(opening, now - SILENCE_MS.opening, end);
      sweepList(open, now - SILENCE_MS.open, end);
    }
  }

  /**
   * The flow that has to make room for a flow of the host `newcomer`: of the finished
   * flows, else of those of the host that has most.
   */
  idlest(newcomer: string): Flow | undefined {
    if (this.#finished.first !== undefined) return this.#finished.first;
    let most = this.#initiators.get(newcomer);
    for (const initiator of this.#initiators.values()) {
      if (initiator.count > (most?.count ?? 0)) most = initiator;
    }
    const opening = most?.opening.first;
    const open = most?.open.first;
    const isOpeningOlder = opening !== undefined &&
      opening.seen <= (open?.seen ?? Infinity);
    return isOpeningOlder ? opening : open;
  }

  /** Whether a flow is over, and only stays for a while. */
  isFinished(flow: Flow): boolean {
    return flow.list === this.#finished;
  }

  /** Drops the entries of hosts without flows. */
  prune(): void {
    for (const [name, { count }] of this.#initiators) {
      if (count === 0) this.#initiators.delete(name);
    }
  }

  /** Makes a flow the youngest of `list`. */
  #move(flow: Flow, list: FlowList, now: number): void {
    flow.seen = now;
    flow.list?.remove(flow);
    list.push(flow);
  }
}

function sweepList(list: FlowList, limit: number, end: (flow: Flow) => void): void {
  for (let flow = list.first; flow && flow.seen <= limit; flow = list.first) end(flow);
}
