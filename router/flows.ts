/**
 * Flows: which host each routed TCP connection is bound to.
 *
 * ## Theory of operation
 *
 * A routed connection runs from the VIP of the host that opened the connection, its
 * *initiator*, to a foreign address, which is no VIP and lies behind the host that the
 * connection is bound to, its *via*. The table of routes cannot decide segment by
 * segment: two hosts may serve the same private range, and a name that is looked up again
 * may lead elsewhere while connections are open. So the first SYN decides, and this table
 * remembers, by the five-tuple:
 *
 * ```
 *         SYN              answer of via        FINs of both sides
 *  none ──────→ opening ──────────────→ open ───────────────────→ finished
 *                  │ 60 s silent          │ 24 h silent              │ 10 s silent
 *                  ▼                      ▼                          ▼
 *                 none ◄──────── a RST of either side ───────────── none
 * ```
 *
 * *An ICMP error* that quotes an opening flow refuses it. Agents send a reset behind it,
 * so the flow stays as long as a finished flow; nothing else of its via is let through.
 *
 * *The same SYN again*, by its sequence number, is a retransmission and changes nothing.
 * A SYN with another number begins a new connection on a port that is used again, and is
 * decided anew.
 *
 * *Time* is asked for when a segment is looked up. At most once a second flows silent for
 * too long are taken out on that occasion, so no timer is needed, a limit holds to the
 * second, and without traffic nothing changes. A finished flow stays for last ACKs and
 * retransmissions. An opening flow goes without a word, since a SYN that comes again is
 * simply decided again.
 *
 * *Hold.* The silence of a flow whose initiator or via is away (`isHeld`) does not count,
 * and counts from the beginning when that host is back (`renew`).
 *
 * *Limit.* There is a greatest number of flows. A further flow takes the place of the
 * finished flow that was silent longest or, if none is finished, of the flow silent
 * longest among those of the initiator that has most (on a tie, the initiator of the new
 * flow). So a host that floods pushes out its own connections and not those of others.
 *
 * *Loss.* An open flow that ends before its time, and any unfinished flow that is pushed
 * out, is given to `onLost`, which can reset both sides: each flow keeps the sequence
 * number that either side expects next.
 *
 * *Cost.* One look-up (`flow_index.ts`) and a move within a list (`flow_ages.ts`) for
 * each segment, without allocating.
 *
 * @module
 */

import {
  destinationOf,
  Protocol,
  protocolOf,
  TcpFlag,
  tcpFlagsOf,
} from "../wire/ip/ipv4.ts";
import { quotedIn } from "../wire/ip/icmp.ts";
import {
  acknowledgementOf,
  Flow,
  type FlowBinding,
  type FlowPhase,
  sequenceOf,
} from "./flow.ts";
import { FlowAges } from "./flow_ages.ts";
import { FlowIndex } from "./flow_index.ts";

/** Flows in a table, unless told otherwise. */
export const FLOW_LIMIT = 65_536;

/** Why a flow was lost: its place was needed, or the silence was too long. */
export type FlowLoss = "evicted" | "silent";

/** Least time between two looks for silent flows, in milliseconds. */
const SWEEP_MS = 1000;

/** Bits of {@linkcode Flow.fins}. */
const Fin = { INITIATOR: 1, VIA: 2, BOTH: 3 } as const;

/** Options of a {@linkcode FlowTable}. */
export interface FlowTableOptions {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** The most flows there may be. Default {@linkcode FLOW_LIMIT}. */
  readonly limit?: number;
  /** Goes into the hash of flows. Default 0. */
  readonly seed?: number;
  /** Whether a silent flow is kept, since one of its hosts is away. Default: none is. */
  isHeld?(flow: Flow): boolean;
  /** Called with each flow after its removal, for whatever reason, before `onLost`. */
  onEnded?(flow: Flow): void;
  /** Called with each flow that was taken out before its time, after removal. */
  onLost?(flow: Flow, loss: FlowLoss): void;
}

/** The flows at the moment, as plain data. */
export interface FlowStatus extends Readonly<Record<FlowPhase, number>> {
  /** The most there may be. */
  readonly limit: number;
}

/**
 * All routed connections. The packets given are whole TCP segments (`isSegment`), unless
 * noted otherwise.
 */
export class FlowTable {
  readonly #options: FlowTableOptions;
  readonly #limit: number;
  readonly #index: FlowIndex;
  readonly #ages = new FlowAges();
  /** When a segment was looked up last. */
  #now = 0;
  #nextSweep = -Infinity;

  /** Makes an empty table. */
  constructor(options: FlowTableOptions) {
    this.#options = options;
    this.#limit = options.limit ?? FLOW_LIMIT;
    this.#index = new FlowIndex(options.seed ?? 0);
  }

  /** Number of flows. */
  get size(): number {
    return this.#index.size;
  }

  /** How many flows are in which phase. Looks at each. */
  status(): FlowStatus {
    const phases = { opening: 0, open: 0, finished: 0, refused: 0 };
    for (const { phase } of this.#index) phases[phase]++;
    return { ...phases, limit: this.#limit };
  }

  /** The flow of a segment sent by an initiator. */
  outbound(packet: Uint8Array, at = 0): Flow | undefined {
    this.#tick();
    return this.#index.outbound(packet, at);
  }

  /** The flow of a segment sent to an initiator. */
  inbound(packet: Uint8Array, at = 0): Flow | undefined {
    this.#tick();
    return this.#index.inbound(packet, at);
  }

  /** The flow of a segment sent to an initiator, if bound to `host`. Changes nothing. */
  answerOf(host: string, packet: Uint8Array, at = 0): Flow | undefined {
    const flow = this.#index.inbound(packet, at);
    return flow?.via === host ? flow : undefined;
  }

  /** Whether a flow found before is still in the table. */
  has(flow: Flow): boolean {
    this.#tick();
    return flow.list !== undefined;
  }

  /** Whether there is a flow with the five-tuple of another, which is over. */
  hasSame(flow: Flow): boolean {
    return this.#index.hasSame(flow);
  }

  /**
   * The flow of the packet that an ICMP error quotes, if `host` may send that error: the
   * flow is bound to `host` and the error goes to the initiator. Changes nothing.
   */
  quoted(host: string, error: Uint8Array, at = 0): Flow | undefined {
    const quote = quotedIn(error, at);
    if (quote === undefined || protocolOf(error, quote) !== Protocol.TCP) {
      return undefined;
    }
    const flow = this.#index.outbound(error, quote);
    if (flow?.via !== host || flow.address !== destinationOf(error, at)) return undefined;
    return flow;
  }

  /**
   * Opens the flow of a SYN that was just looked up; an old flow of its five-tuple goes.
   */
  open(packet: Uint8Array, at: number, binding: FlowBinding): Flow {
    const old = this.#index.outbound(packet, at);
    if (old !== undefined) this.end(old);
    else if (this.size >= this.#limit) this.#evict(binding.initiator);
    const hash = this.#index.hashOf(packet, at);
    const flow = new Flow(packet, at, { ...binding, hash });
    this.#index.add(flow);
    this.#ages.enter(flow, this.#now);
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
      this.#ages.opened(flow, this.#now);
    }
    this.#note(flow, flags, Fin.VIA);
  }

  /** Notes an ICMP error about a flow: a flow that is not open yet is refused. */
  refuse(flow: Flow): void {
    this.#tick(); // else it might count as silent since its SYN
    if (flow.phase === "opening" && flow.list !== undefined) {
      this.#finish(flow, "refused");
    }
  }

  /** Takes out a flow, if present; `onLost` is not called. */
  end(flow: Flow): void {
    if (flow.list === undefined) return;
    this.#ages.leave(flow);
    this.#index.remove(flow);
    this.#options.onEnded?.(flow);
  }

  /**
   * Takes out the flows that `host` opened or that are bound to `host`, and returns them.
   */
  endAll(host: string): Flow[] {
    return this.endThose((flow) => flow.initiator === host || flow.via === host);
  }

  /** Takes out the flows that `isOver` names, and returns them. */
  endThose(isOver: (flow: Flow) => boolean): Flow[] {
    const flows = [...this.#index].filter(isOver);
    for (const flow of flows) this.end(flow);
    this.#ages.prune();
    return flows;
  }

  /** The silence of the flows of `host` counts from now on. */
  renew(host: string): void {
    this.#now = this.#options.now();
    for (const flow of this.#index) {
      if (flow.initiator === host || flow.via === host) this.#ages.touch(flow, this.#now);
    }
  }

  /** The foreign addresses of the flows bound to `host`, by initiator. */
  addressesVia(host: string): Map<string, Set<number>> {
    const found = new Map<string, Set<number>>();
    for (const { via, initiator, foreign } of this.#index) {
      if (via !== host) continue;
      const known = found.get(initiator);
      if (known) known.add(foreign);
      else found.set(initiator, new Set([foreign]));
    }
    return found;
  }

  #note(flow: Flow, flags: number, side: number): void {
    if ((flags & TcpFlag.RST) !== 0) return this.end(flow);
    if ((flags & TcpFlag.FIN) !== 0) flow.fins |= side;
    if (flow.fins !== Fin.BOTH || flow.phase === "finished") {
      return this.#ages.touch(flow, this.#now);
    }
    this.#finish(flow, "finished");
  }

  #finish(flow: Flow, phase: "finished" | "refused"): void {
    flow.phase = phase;
    this.#ages.finished(flow, this.#now);
  }

  #tick(): void {
    this.#now = this.#options.now();
    if (this.#now < this.#nextSweep) return;
    this.#nextSweep = this.#now + SWEEP_MS;
    this.#ages.sweep(this.#now, (flow) => {
      if (this.#options.isHeld?.(flow)) this.#ages.touch(flow, this.#now);
      else this.#lose(flow, "silent");
    });
  }

  /** Makes room for a flow of the host `newcomer`. */
  #evict(newcomer: string): void {
    const flow = this.#ages.idlest(newcomer);
    if (flow !== undefined) this.#lose(flow, "evicted");
  }

  /**
   * Takes out a flow, and calls `onLost` unless the flow is finished, or silent while
   * opening.
   */
  #lose(flow: Flow, loss: FlowLoss): void {
    const isOver = this.#ages.isFinished(flow);
    this.end(flow);
    if (isOver || loss === "silent" && flow.phase === "opening") return;
    this.#options.onLost?.(flow, loss);
  }
}
