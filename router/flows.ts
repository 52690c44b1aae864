/**
 * Flows: which host each routed TCP connection is bound to.
 *
 * ## Theory of operation
 *
 * A routed connection runs from the VIP of the host that opened it, its *initiator*, to a
 * foreign address: one that is no VIP and lies behind the host it is bound to, its *via*.
 * The table of routes cannot decide segment by segment: two hosts may serve the same
 * private range, and a name that is looked up again may lead elsewhere while connections
 * are open. So the first SYN decides, and this table remembers, by the five-tuple:
 *
 * ```
 *         SYN              answer of via        FINs of both sides
 *  none ──────→ opening ──────────────→ open ───────────────────→ finished
 *                  │ 60 s silent          │ 24 h silent              │ 10 s silent
 *                  ▼                      ▼                          ▼
 *                 none ◄──────── a RST of either side ───────────── none
 * ```
 *
 * *An ICMP error* that quotes an opening flow refuses it. Agents send a reset behind it, so
 * the flow stays as long as a finished one; nothing else of its via is let through.
 *
 * *The same SYN again*, by its sequence number, is a retransmission and changes nothing. One
 * with another number begins a new connection on a port that is used again; it is
 * decided anew.
 *
 * *Time* is asked for when a segment is looked up. At most once a second what was silent
 * for too long is taken out on that occasion, so no timer is needed, a limit holds to the
 * second, and without traffic nothing changes. A finished flow stays for last ACKs and
 * retransmissions. An opening one goes without a word, since a SYN that comes again is
 * simply decided again.
 *
 * *Limit.* There is a greatest number of flows. One more takes the place of the finished
 * one that was silent longest or, if none is finished, of the one silent longest among those
 * of the initiator that has most: of the newcomer's own where it is among those. So a
 * host that floods pushes out its own connections and not those of others.
 *
 * *Loss.* An open flow that ends before its time, and any unfinished one that is pushed
 * out, is given to `onLost`, with what is needed to reset both sides: each flow keeps
 * what either side expects next.
 *
 * *Cost.* A segment costs one look-up by a seeded hash, which is a small integer, so that
 * nothing is allocated for it. Flows of the same hash are chained; the seed keeps strangers
 * from choosing them. Lists in the order of last use need a few writes per segment.
 *
 * @module
 */

import {
  destinationOf,
  destinationPortOf,
  headerLengthOf,
  Protocol,
  protocolOf,
  readUint32,
  sourceOf,
  sourcePortOf,
  TcpFlag,
  tcpFlagsOf,
} from "../wire/ip/ipv4.ts";
import { mix } from "../link/flow.ts";
import { quotedIn } from "../wire/ip/icmp.ts";

/** Flows in a table, unless told otherwise. */
export const FLOW_LIMIT = 65_536;

/** How long a flow may be silent in each phase, in milliseconds. */
export const SILENCE_MS = {
  /** Nothing came back yet. */
  opening: 60_000,
  /** In use. */
  open: 24 * 60 * 60_000,
  /** Both sides have sent FIN. */
  finished: 10_000,
} as const;

/** What a flow is doing, see the theory of operation; refused ones are among the finished. */
export type FlowPhase = keyof typeof SILENCE_MS | "refused";

/** Why a flow was lost: its place was needed, or it was silent for too long. */
export type FlowLoss = "evicted" | "silent";

/** Least time between two looks for silent flows, in milliseconds. */
const SWEEP_MS = 1000;

/** Bits of {@linkcode Flow.fins}. */
const Fin = { INITIATOR: 1, VIA: 2, BOTH: 3 } as const;

/** The flows at the moment, as plain data. */
export interface FlowStatus extends Readonly<Record<FlowPhase, number>> {
  /** The most there may be. */
  readonly limit: number;
}

/** A routed connection; the table changes its fields as segments pass. */
export class Flow {
  /** Name of the host that opened it. */
  readonly initiator: string;
  /** Name of the host it is bound to. */
  readonly via: string;
  /** The initiator's address and port. */
  readonly address: number;
  readonly port: number;
  /** The foreign address and port. */
  readonly foreign: number;
  readonly foreignPort: number;
  /** The sequence number of its SYN. */
  readonly first: number;
  /** What it is doing. */
  phase: FlowPhase = "opening";
  /** The next byte the initiator expects: the last acknowledgement number it sent. */
  initiatorExpects = 0;
  /** The next byte the foreign side expects. */
  viaExpects: number;
  /** Which sides have sent FIN. */
  fins = 0;
  /** When its last segment passed. */
  seen = 0;
  /** The key of its chain, the next flow there, and its place in a list. */
  readonly hash: number;
  chained: Flow | undefined;
  list: FlowList | undefined;
  before: Flow | undefined;
  after: Flow | undefined;

  /** The flow that the SYN at `at` opens. */
  constructor(packet: Uint8Array, at: number, binding: FlowBinding & { hash: number }) {
    this.initiator = binding.initiator;
    this.via = binding.via;
    this.hash = binding.hash;
    this.address = sourceOf(packet, at);
    this.port = sourcePortOf(packet, at);
    this.foreign = destinationOf(packet, at);
    this.foreignPort = destinationPortOf(packet, at);
    this.first = sequenceOf(packet, at);
    this.viaExpects = (this.first + 1) >>> 0;
  }
}

/** Which hosts a flow joins. */
export interface FlowBinding {
  /** Name of the host that opens it. */
  readonly initiator: string;
  /** Name of the host it is bound to. */
  readonly via: string;
}

/** Options of a {@linkcode FlowTable}. */
export interface FlowTableOptions {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** The most flows there may be. Default {@linkcode FLOW_LIMIT}. */
  readonly limit?: number;
  /** Goes into the hash of flows. Default 0. */
  readonly seed?: number;
  /** Called with each flow that was taken out before its time, when it is out. */
  onLost?(flow: Flow, loss: FlowLoss): void;
}

/**
 * All routed connections. Packets given to it are whole TCP segments (`isSegment`), except
 * where something else is said.
 */
export class FlowTable {
  readonly #options: FlowTableOptions;
  readonly #limit: number;
  readonly #seed: number;
  /** The chains by hash. */
  readonly #chains = new Map<number, Flow>();
  /** The unfinished flows by initiator, of which there are as many as hosts. */
  readonly #initiators = new Map<string, Initiator>();
  readonly #finished = new FlowList();
  #size = 0;
  /** When a segment was looked up last. */
  #now = 0;
  #nextSweep = -Infinity;

  /** Makes an empty table. */
  constructor(options: FlowTableOptions) {
    this.#options = options;
    this.#limit = options.limit ?? FLOW_LIMIT;
    this.#seed = options.seed ?? 0;
  }

  /** Number of flows. */
  get size(): number {
    return this.#size;
  }

  /** How many flows are in which phase. Looks at each. */
  status(): FlowStatus {
    const phases = { opening: 0, open: 0, finished: 0, refused: 0 };
    for (const chain of this.#chains.values()) {
      for (let flow: Flow | undefined = chain; flow; flow = flow.chained) {
        phases[flow.phase]++;
      }
    }
    return { ...phases, limit: this.#limit };
  }

  /** The flow of a segment sent by an initiator. */
  outbound(packet: Uint8Array, at = 0): Flow | undefined {
    this.#tick();
    return this.#outbound(packet, at);
  }

  /** The flow of a segment sent to an initiator. */
  inbound(packet: Uint8Array, at = 0): Flow | undefined {
    this.#tick();
    return this.#inbound(packet, at);
  }

  /** Whether a segment sent to an initiator is of a flow bound to `host`. Changes nothing. */
  isAnswer(host: string, packet: Uint8Array, at = 0): boolean {
    return this.#inbound(packet, at)?.via === host;
  }

  /**
   * The flow of the packet that an ICMP error quotes, if `host` may send that error: the
   * flow is bound to it and the error goes to the initiator. Changes nothing.
   */
  quoted(host: string, error: Uint8Array, at = 0): Flow | undefined {
    const quote = quotedIn(error, at);
    if (quote === undefined || protocolOf(error, quote) !== Protocol.TCP) {
      return undefined;
    }
    const flow = this.#outbound(error, quote);
    if (flow?.via !== host || flow.address !== destinationOf(error, at)) return undefined;
    return flow;
  }

  /** Opens the flow of a SYN that was just looked up; an old one of its five-tuple goes. */
  open(packet: Uint8Array, at: number, binding: FlowBinding): Flow {
    const old = this.#outbound(packet, at);
    if (old !== undefined) this.end(old);
    else if (this.#size >= this.#limit) this.#evict(binding.initiator);
    const hash = this.#hash(
      sourceOf(packet, at),
      sourcePortOf(packet, at),
      destinationOf(packet, at),
      destinationPortOf(packet, at),
    );
    const flow = new Flow(packet, at, { ...binding, hash });
    flow.chained = this.#chains.get(hash);
    this.#chains.set(hash, flow);
    this.#size++;
    let initiator = this.#initiators.get(binding.initiator);
    if (initiator === undefined) {
      initiator = { opening: new FlowList(), open: new FlowList(), count: 0 };
      this.#initiators.set(binding.initiator, initiator);
    }
    initiator.count++;
    this.#touch(flow, initiator.opening);
    return flow;
  }

  /** Notes a segment of the initiator, whose flow was just looked up. */
  sent(flow: Flow, packet: Uint8Array, at = 0): void {
    const flags = tcpFlagsOf(packet, at);
    if ((flags & TcpFlag.ACK) !== 0) {
      flow.initiatorExpects = acknowledgementOf(packet, at);
    }
    this.#note(flow, flags, Fin.INITIATOR);
  }

  /** Notes a segment of the host that the flow, just looked up, is bound to. */
  answered(flow: Flow, packet: Uint8Array, at = 0): void {
    const flags = tcpFlagsOf(packet, at);
    if ((flags & TcpFlag.SYN) !== 0) {
      flow.initiatorExpects = (sequenceOf(packet, at) + 1) >>> 0;
    }
    if ((flags & TcpFlag.ACK) !== 0) flow.viaExpects = acknowledgementOf(packet, at);
    if (flow.phase === "opening") {
      flow.phase = "open";
      this.#touch(flow, this.#initiators.get(flow.initiator)!.open);
    }
    this.#note(flow, flags, Fin.VIA);
  }

  /** Notes an ICMP error about a flow: it is refused, if it is not open yet. */
  refuse(flow: Flow): void {
    this.#tick(); // else it might count as silent since its SYN
    if (flow.phase === "opening" && flow.list !== undefined) {
      this.#finish(flow, "refused");
    }
  }

  /** Takes out a flow, if it is there; `onLost` is not called. */
  end(flow: Flow): void {
    if (flow.list === undefined) return;
    if (flow.list !== this.#finished) this.#leave(flow);
    flow.list.remove(flow);
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

  /** Takes out the flows that `host` opened or that are bound to it, and returns them. */
  endAll(host: string): Flow[] {
    const flows: Flow[] = [];
    for (const chain of this.#chains.values()) {
      for (let flow: Flow | undefined = chain; flow; flow = flow.chained) {
        if (flow.initiator === host || flow.via === host) flows.push(flow);
      }
    }
    for (const flow of flows) this.end(flow);
    return flows;
  }

  #note(flow: Flow, flags: number, side: number): void {
    if ((flags & TcpFlag.RST) !== 0) return this.end(flow);
    if ((flags & TcpFlag.FIN) !== 0) flow.fins |= side;
    if (flow.fins !== Fin.BOTH || flow.phase === "finished") {
      return this.#touch(flow, flow.list!);
    }
    this.#finish(flow, "finished");
  }

  #finish(flow: Flow, phase: "finished" | "refused"): void {
    flow.phase = phase;
    this.#leave(flow);
    this.#touch(flow, this.#finished);
  }

  /** Makes a flow the youngest of `list`. */
  #touch(flow: Flow, list: FlowList): void {
    flow.seen = this.#now;
    flow.list?.remove(flow);
    list.push(flow);
  }

  /** A flow is no longer among the unfinished ones of its initiator. */
  #leave(flow: Flow): void {
    this.#initiators.get(flow.initiator)!.count--;
  }

  #tick(): void {
    this.#now = this.#options.now();
    if (this.#now < this.#nextSweep) return;
    this.#nextSweep = this.#now + SWEEP_MS;
    this.#sweep(this.#finished, "finished");
    for (const { opening, open } of this.#initiators.values()) {
      this.#sweep(opening, "opening");
      this.#sweep(open, "open");
    }
  }

  /** Takes out what was silent for too long; the oldest are in front. */
  #sweep(list: FlowList, phase: keyof typeof SILENCE_MS): void {
    const limit = this.#now - SILENCE_MS[phase];
    for (let flow = list.first; flow && flow.seen <= limit; flow = list.first) {
      this.end(flow);
      if (phase === "open") this.#options.onLost?.(flow, "silent");
    }
  }

  /** Makes room for a flow of the host `newcomer`. */
  #evict(newcomer: string): void {
    const finished = this.#finished.first;
    if (finished !== undefined) return this.end(finished);
    let most = this.#initiators.get(newcomer);
    for (const initiator of this.#initiators.values()) {
      if (initiator.count > (most?.count ?? 0)) most = initiator;
    }
    const opening = most?.opening.first;
    const open = most?.open.first;
    const isOpeningOlder = opening !== undefined &&
      opening.seen <= (open?.seen ?? Infinity);
    const flow = isOpeningOlder ? opening : open;
    if (flow === undefined) return;
    this.end(flow);
    this.#options.onLost?.(flow, "evicted");
  }

  #outbound(packet: Uint8Array, at: number): Flow | undefined {
    return this.#find(
      sourceOf(packet, at),
      sourcePortOf(packet, at),
      destinationOf(packet, at),
      destinationPortOf(packet, at),
    );
  }

  #inbound(packet: Uint8Array, at: number): Flow | undefined {
    return this.#find(
      destinationOf(packet, at),
      destinationPortOf(packet, at),
      sourceOf(packet, at),
      sourcePortOf(packet, at),
    );
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

/** Whether the SYN at `at`, of the five-tuple of `flow`, is the one that opened it. */
export function isRepeated(flow: Flow, packet: Uint8Array, at = 0): boolean {
  return (flow.phase === "opening" || flow.phase === "open") &&
    sequenceOf(packet, at) === flow.first;
}

/** The unfinished flows that a host has opened. */
interface Initiator {
  readonly opening: FlowList;
  readonly open: FlowList;
  /** How many there are in both. */
  count: number;
}

/** Flows in the order of last use, linked through themselves. */
class FlowList {
  /** The one silent longest. */
  first: Flow | undefined;
  #last: Flow | undefined;

  push(flow: Flow): void {
    flow.list = this;
    flow.before = this.#last;
    flow.after = undefined;
    if (this.#last === undefined) this.first = flow;
    else this.#last.after = flow;
    this.#last = flow;
  }

  remove(flow: Flow): void {
    if (flow.before === undefined) this.first = flow.after;
    else flow.before.after = flow.after;
    if (flow.after === undefined) this.#last = flow.before;
    else flow.after.before = flow.before;
    flow.list = undefined;
  }
}

function sequenceOf(packet: Uint8Array, at: number): number {
  return readUint32(packet, at + headerLengthOf(packet, at) + 4);
}

function acknowledgementOf(packet: Uint8Array, at: number): number {
  return readUint32(packet, at + headerLengthOf(packet, at) + 8);
}
