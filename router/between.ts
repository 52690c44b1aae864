/**
 * Connections between VIPs: known from SYN to end, and ended when a new policy forbids them.
 *
 * ## Theory of operation
 *
 * Packets between two VIPs need no table to find their way, so only the segments with SYN,
 * FIN or RST are looked at here: a connection is entered with its SYN, decided by the gate
 * of the policy if there is one, and leaves with its end. All else passes for the price of
 * reading a byte. The table is a {@linkcode FlowTable} whose open flows may be silent for
 * ever. Beyond its limit it forgets, and a connection that is forgotten goes on.
 *
 * *Ending one* takes the sequence number that each end expects next, which nobody here
 * knows. So each end is provoked to tell them (`provocation.ts`). Whatever packet an end
 * sends, provoked or not, is dropped and answered with the reset that fits. An end that is
 * gone answers with a reset itself, and is done. Until both are, or {@linkcode MOST_TRIES}
 * were made, the connection is *pursued*. Hosts that are away are waited for; a host that is
 * down has lost its connections by itself.
 *
 * With a policy, fragments of TCP are dropped: no stack of a mesh sends them, and a SYN in
 * pieces would not be seen.
 *
 * @module
 */

import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { isFragment, sourceOf, TcpFlag, tcpFlagsOf } from "../wire/ip/ipv4.ts";
import { isOpening, isSegment } from "../wire/ip/tcp.ts";
import type { RouteCounters } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import { type Flow, isRepeated } from "./flow.ts";
import { FlowIndex } from "./flow_index.ts";
import { FlowTable } from "./flows.ts";
import type { Member, Members } from "./members.ts";
import type { Gate } from "./policy/gate.ts";
import { AT_ONCE, End, MOST_TRIES, provoke, toInitiator } from "./provocation.ts";
import { resetFor, resetOf } from "./refusal.ts";

/** Flags of the segments that are looked at. */
const NOTED = TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST;

/** A connection that is being ended. */
interface Pursued {
  readonly flow: Flow;
  tries: number;
  /** The ends that have said that they are gone. */
  done: number;
}

/** Options of {@linkcode ConnectionsBetween}. */
export interface BetweenOptions {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Connections that are known at a time. */
  readonly limit: number;
  /** Goes into the hash of connections. */
  readonly seed: number;
  readonly members: Members;
  readonly delivery: Delivery;
  readonly counters: RouteCounters;
}

/** The TCP connections between VIPs. */
export class ConnectionsBetween {
  readonly #options: BetweenOptions;
  readonly #flows: FlowTable;
  /** Decides new connections; undefined if all are allowed. */
  #gate: Gate | undefined;
  readonly #pursued = new Map<Flow, Pursued>();
  /** The same by five-tuple. */
  readonly #index: FlowIndex;

  /** Knows none. */
  constructor(options: BetweenOptions) {
    const { limit, seed } = options;
    this.#options = options;
    this.#index = new FlowIndex(seed);
    this.#flows = new FlowTable({
      now: () => options.now(),
      limit,
      seed,
      isHeld: ({ phase }) => phase === "open",
    });
  }

  /** How many are known. */
  get size(): number {
    return this.#flows.size;
  }

  /** How many are being ended. */
  get pursued(): number {
    return this.#pursued.size;
  }

  /** Whether a TCP packet between VIPs has to be shown to {@linkcode pass}. */
  concerns(packet: Uint8Array): boolean {
    return (tcpFlagsOf(packet, HEADER_BYTES) & NOTED) !== 0 || this.#pursued.size > 0 ||
      this.#gate !== undefined && isFragment(packet, HEADER_BYTES);
  }

  /** Whether a TCP packet from the VIP of `origin` to that of `to` may go on. */
  pass(origin: Member, to: Member, frame: Frame): boolean {
    const packet = frame.bytes;
    if (!isSegment(packet, HEADER_BYTES)) {
      if (this.#gate === undefined) return true;
      this.#options.counters.unroutable++;
      return false;
    }
    if (isOpening(packet, HEADER_BYTES)) return this.#open(origin, to, frame);
    if (this.#pursued.size > 0 && this.#catch(origin, frame)) return false;
    if ((tcpFlagsOf(packet, HEADER_BYTES) & NOTED) !== 0) this.#note(packet);
    return true;
  }

  /** Goes by another policy from now on, and begins to end the connections it forbids. */
  swap(gate: Gate | undefined): void {
    this.#gate = gate;
    if (gate === undefined) return;
    const { counters, members, delivery } = this.#options;
    for (const flow of this.#flows.endThose((flow) => gate.forbids(flow, false))) {
      const { initiator, phase } = flow;
      if (phase === "finished" || phase === "refused") continue;
      counters.forbidden++;
      this.#index.add(flow);
      this.#pursued.set(flow, { flow, tries: 0, done: 0 });
      if (phase !== "opening") continue;
      // One that has sent its SYN, and nothing more, is not provoked by anything.
      const acknowledged = flow.first + 1 >>> 0;
      const reset = resetFor({ ...toInitiator(flow), sequence: 0, acknowledged });
      delivery.say(members.named(initiator), reset);
    }
    this.pursue();
  }

  /**
   * Provokes the ends of connections that are being ended. To be called now and then while
   * there are any; returns their number.
   */
  pursue(): number {
    // Taken out first: those that are provoked go to the end.
    for (const pursued of [...this.#pursued.values().take(AT_ONCE)]) {
      this.#provoke(pursued);
    }
    return this.#pursued.size;
  }

  /** A host is down, or no member any more: its connections have ended. */
  down(host: string): void {
    this.#flows.endAll(host);
    for (const flow of this.#pursued.keys()) {
      if (flow.initiator === host || flow.via === host) this.#release(flow);
    }
  }

  #open(origin: Member, to: Member, frame: Frame): boolean {
    const packet = frame.bytes;
    const flow = this.#flows.outbound(packet, HEADER_BYTES);
    if (flow !== undefined && isRepeated(flow, packet, HEADER_BYTES)) {
      this.#flows.sent(flow, packet, HEADER_BYTES);
      return true;
    }
    const from = origin.name;
    const asked = { from, to: to.name, isRouted: false, names: [] };
    if (this.#gate?.admits(asked, frame) === false) {
      this.#options.delivery.forbid(origin, frame);
      return false;
    }
    if (this.#pursued.size > 0) {
      const old = this.#index.outbound(packet, HEADER_BYTES);
      if (old !== undefined) this.#release(old);
    }
    const binding = { initiator: from, via: to.name };
    this.#flows.open(packet, HEADER_BYTES, binding);
    return true;
  }

  #note(packet: Uint8Array): void {
    const flows = this.#flows;
    const outbound = flows.outbound(packet, HEADER_BYTES);
    if (outbound !== undefined) return flows.sent(outbound, packet, HEADER_BYTES);
    const inbound = flows.inbound(packet, HEADER_BYTES);
    if (inbound !== undefined) flows.answered(inbound, packet, HEADER_BYTES);
  }

  /** Whether the packet is of a connection that is being ended; then it is answered. */
  #catch(origin: Member, { bytes }: Frame): boolean {
    const flow = this.#index.outbound(bytes, HEADER_BYTES) ??
      this.#index.inbound(bytes, HEADER_BYTES);
    if (flow === undefined) return false;
    const isInitiator = sourceOf(bytes, HEADER_BYTES) === flow.address &&
      origin.name === flow.initiator;
    if ((tcpFlagsOf(bytes, HEADER_BYTES) & TcpFlag.RST) !== 0) {
      const pursued = this.#pursued.get(flow)!;
      pursued.done |= isInitiator ? End.INITIATOR : End.VIA;
      if (pursued.done === End.BOTH) this.#release(flow);
    } else this.#options.delivery.say(origin, resetOf(bytes, HEADER_BYTES));
    return true;
  }

  #provoke(pursued: Pursued): void {
    const { members } = this.#options;
    const { flow } = pursued;
    // Behind all the others.
    this.#pursued.delete(flow);
    const [initiator, via] = [members.named(flow.initiator), members.named(flow.via)];
    const isAway = initiator?.presence === "away" || via?.presence === "away";
    if (!isAway && pursued.tries >= MOST_TRIES) return this.#index.remove(flow);
    this.#pursued.set(flow, pursued);
    provoke(flow, this.#options, pursued);
    if (!isAway) pursued.tries++;
  }

  #release(flow: Flow): void {
    if (this.#pursued.delete(flow)) this.#index.remove(flow);
  }
}
