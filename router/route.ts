/**
 * Route: the end of every pipeline, where a packet meets its host's link or an answer.
 *
 * One router serves all links. Per host it knows a state, which the manager tells it:
 *
 * | state    | a packet to the host                                                 |
 * | -------- | -------------------------------------------------------------------- |
 * | up       | goes to the host's port (a `LinkQueue`)                              |
 * | starting | waits, bounded, if it may begin something; else it is refused        |
 * | down     | is refused: host unreachable to a SYN, then a reset, as to all TCP    |
 * | none     | a SYN gets network unreachable and a reset, the rest is dropped      |
 *
 * What waits is delivered when the host comes up and refused when it goes down, so the
 * manager bounds the wait by telling either. A segment of a connection that existed
 * before is refused while its host is starting, because the new agent cannot know it.
 *
 * ## Foreign addresses
 *
 * A packet between two VIPs goes by its destination. TCP to an address that is no VIP goes
 * by its flow (`flows.ts`): the SYN is decided by the table, and what follows goes where the
 * SYN went or, without a flow, is refused. From a foreign source a host may send segments
 * of flows bound to it, and ICMP errors that quote one; to one that was not open yet such an
 * error is a refusal, behind which only a reset passes. A segment of no flow goes no further,
 * and its sender gets the reset that ends it there. When either host of a flow
 * goes down, or the flow is lost, both ends are reset at once as far as they are up.
 *
 * No stack of a mesh sends anything but TCP and ICMP errors to or from foreign addresses. The
 * rest goes there by the table, and comes back from what a range leads to.
 *
 * @module
 */

import { type Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import {
  destinationOf,
  isFragment,
  Protocol,
  protocolOf,
  sourceOf,
  TcpFlag,
  tcpFlagsOf,
} from "../wire/ip/ipv4.ts";
import { type Pace, Turn } from "../wire/turn.ts";
import { type RouteCounters, routeCounters } from "./counters.ts";
import { type Flow, FlowTable, isRepeated } from "./flows.ts";
import { refusalOf, resetFor, resetOf, unreachableOf } from "./refusal.ts";
import { isOpening, isSegment } from "../wire/ip/tcp.ts";
import { isIcmpError, Unreachable } from "../wire/ip/icmp.ts";
import { LinkQueue } from "../link/queue.ts";
import { Sender } from "../link/sender.ts";
import type { RouterStatus } from "./status.ts";
import type { RoutingTable } from "./table.ts";
import { WaitingRoom } from "../link/waiting.ts";

/** What the manager says about a host. */
export type HostState = "up" | "starting" | "down";

/** What happens to a packet. */
export type Decision = "deliver" | "wait" | "refuse" | "unreachable" | "drop";

/** Where frames for a host go; a `LinkQueue` is one. Must neither wait nor throw. */
export interface Port {
  /** Takes a frame of `sender`; at its limit it drops by its own rules. */
  push(frame: Frame, sender: Sender): unknown;
}

/** Options of a {@linkcode Router}. */
export interface RouterOptions {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Routed connections there may be at a time. Default 65 536. */
  readonly flows?: number;
  /** Goes into the hash of routed connections, so that strangers cannot guess it. Default 0. */
  readonly seed?: number;
  /** Bytes that may wait for one host that is starting. Default 1 MiB. */
  readonly waitingBytes?: number;
  /** Lets other pipelines have their turns; without it each works on while there is work. */
  readonly pace?: Pace;
}

/** Packets between two looks at the clock. */
const UNCHECKED_PACKETS = 64;

interface Host {
  /** Who is charged for what waits of this host. */
  readonly sender: Sender;
  state: HostState;
  port: Port | undefined;
  waiting: WaitingRoom | undefined;
}

/** The decision for the packet at `at`, given the state of its host if it has one. */
export function decide(
  state: HostState | undefined,
  packet: Uint8Array,
  at = 0,
): Decision {
  if (state === "up") return "deliver";
  if (state === "down") return "refuse";
  if (state === undefined) return isOpening(packet, at) ? "unreachable" : "drop";
  return isOpening(packet, at) || !isSegment(packet, at) ? "wait" : "refuse";
}

/** Sends each packet on its way. A host of the table that was never told of is down. */
export class Router {
  /** What became of packets so far. */
  readonly counters: Readonly<RouteCounters>;
  readonly #counters: RouteCounters;
  readonly #table: RoutingTable;
  readonly #flows: FlowTable;
  readonly #waitingBytes: number;
  readonly #pace: Pace | undefined;
  readonly #hosts = new Map<string, Host>();

  /** Makes a router whose hosts are all down. */
  constructor(table: RoutingTable, options: RouterOptions) {
    this.#table = table;
    this.#flows = new FlowTable({
      now: () => options.now(),
      ...(options.flows !== undefined && { limit: options.flows }),
      ...(options.seed !== undefined && { seed: options.seed }),
      onLost: (flow, loss) => {
        if (loss === "evicted") this.#counters.evicted++;
        this.#abort(flow);
      },
    });
    this.#waitingBytes = options.waitingBytes ?? 1 << 20;
    this.#pace = options.pace;
    this.#counters = routeCounters();
    this.counters = this.#counters;
  }

  /** What waits in the router and is routed at the moment, and its counters, as plain data. */
  status(): RouterStatus {
    return {
      version: 1,
      counters: { ...this.#counters },
      flows: this.#flows.status(),
      hosts: Array.from(this.#hosts, ([host, { state, port, waiting, sender }]) => {
        const queue = port instanceof LinkQueue ? port.status() : undefined;
        return {
          host,
          presence: state,
          ...(queue && { queue }),
          waiting: waiting?.status() ?? { frames: 0, bytes: 0 },
          charged: sender.weight,
          suggestions: this.#table.suggestionsOf(host),
        };
      }),
    };
  }

  /** The state of `host`. */
  state(host: string): HostState {
    return this.#hosts.get(host)?.state ?? "down";
  }

  /** Says that `host` is being started: its packets wait from now on. */
  starting(host: string): void {
    const entry = this.#host(host);
    entry.state = "starting";
    entry.port = undefined;
  }

  /**
   * Says that `host` is up behind `port`, which gets at once what has waited, unless the
   * sender is gone meanwhile.
   */
  up(host: string, port: Port): void {
    const entry = this.#host(host);
    entry.state = "up";
    entry.port = port;
    for (const { from, frame } of entry.waiting?.empty() ?? []) {
      if (this.#hosts.get(from)?.port !== undefined) this.forward(from, frame);
    }
  }

  /**
   * Says that `host` is down: what waits, and what comes, is refused, and the routed
   * connections that it opened or that are bound to it are reset.
   */
  down(host: string): void {
    const entry = this.#host(host);
    entry.state = "down";
    entry.port = undefined;
    for (const { from, frame } of entry.waiting?.empty() ?? []) {
      if (!this.#hasFlow(frame.bytes)) this.#refuse(from, frame);
    }
    for (const flow of this.#flows.endAll(host)) this.#abort(flow);
  }

  /** Whether `from` may send the packet at `at`, whose header is sound: see above. */
  admits(from: string, packet: Uint8Array, at = 0): boolean {
    const source = sourceOf(packet, at);
    const owner = this.#table.ownerOf(source);
    if (owner !== undefined) return owner === from;
    const protocol = protocolOf(packet, at);
    if (protocol === Protocol.TCP) {
      return isSegment(packet, at) && this.#flows.isAnswer(from, packet, at);
    }
    if (protocol === Protocol.ICMP) {
      // A later piece would bring a type of its own.
      if (isFragment(packet, at)) return false;
      if (isIcmpError(packet, at)) {
        return this.#flows.quoted(from, packet, at) !== undefined;
      }
    }
    return this.#table.isBehind(from, source);
  }

  /**
   * Takes a packet of `from` that was not admitted. A segment from a foreign address is of a
   * connection that is over here, if a host may have such at all: it gets a reset, since
   * nobody else would tell.
   */
  disown(from: string, frame: Frame): void {
    const packet = frame.bytes;
    if (!this.#table.isVia(from) || !isSegment(packet, HEADER_BYTES)) return;
    if (this.#table.ownerOf(sourceOf(packet, HEADER_BYTES)) !== undefined) return;
    this.#answer(from, resetOf(packet, HEADER_BYTES));
  }

  /**
   * Runs the pipeline of the host `from` to its end: packets are forwarded, and each control
   * frame is given to `onControl`, in order. What that throws ends the pipeline. Work on it
   * stops after a turn's worth, also in the middle of a batch, until others had theirs.
   */
  async run(
    from: string,
    batches: AsyncIterable<Frame[]>,
    onControl: (frame: Frame) => void,
  ): Promise<void> {
    const vip = this.#table.vipOf(from);
    const turn = this.#pace && new Turn(this.#pace);
    for await (const batch of batches) {
      turn?.begin();
      let packets = 0;
      for (const frame of batch) {
        if (frame.type === FrameType.L3) {
          this.#forward(from, vip, frame);
          if (++packets % UNCHECKED_PACKETS !== 0) continue;
        } else onControl(frame);
        if (turn?.isOver()) await turn.rest();
      }
      turn?.end();
      if (turn?.isOver()) await turn.rest();
    }
  }

  /** Forwards one packet of `from`, which has passed `police`. */
  forward(from: string, frame: Frame): void {
    this.#forward(from, this.#table.vipOf(from), frame);
  }

  /** The same, with the VIP of `from`, so that telling a foreign source costs nothing. */
  #forward(from: string, vip: number | undefined, frame: Frame): void {
    const packet = frame.bytes;
    const destination = destinationOf(packet, HEADER_BYTES);
    const owner = this.#table.ownerOf(destination);
    const protocol = protocolOf(packet, HEADER_BYTES);
    if (protocol === Protocol.TCP) {
      if (sourceOf(packet, HEADER_BYTES) !== vip) return this.#answerFlow(from, frame);
      if (owner === undefined) return this.#sendFlow(from, frame);
    } else if (protocol === Protocol.ICMP && isIcmpError(packet, HEADER_BYTES)) {
      // What is not open yet is over. To open ones it is only a hint.
      const flow = this.#flows.quoted(from, packet, HEADER_BYTES);
      if (flow !== undefined) this.#flows.refuse(flow);
    }
    this.#send(from, owner ?? this.#table.lookup(from, destination), frame);
  }

  /** Whether the packet of an initiator is of a flow. */
  #hasFlow(packet: Uint8Array): boolean {
    return isSegment(packet, HEADER_BYTES) &&
      this.#flows.outbound(packet, HEADER_BYTES) !== undefined;
  }

  /** A TCP packet from a VIP to a foreign address. */
  #sendFlow(from: string, frame: Frame): void {
    const packet = frame.bytes;
    if (!isSegment(packet, HEADER_BYTES)) {
      // A piece, or no whole header: it cannot be told which flow it is of.
      this.#counters.unroutable++;
      return;
    }
    let flow = this.#flows.outbound(packet, HEADER_BYTES);
    if (isOpening(packet, HEADER_BYTES)) {
      if (flow === undefined || !isRepeated(flow, packet, HEADER_BYTES)) {
        const via = this.#table.lookup(from, destinationOf(packet, HEADER_BYTES));
        if (flow !== undefined) this.#replace(flow, via);
        if (via === undefined) return this.#send(from, undefined, frame);
        if (this.state(via) === "down") return this.#refuse(from, frame);
        flow = this.#flows.open(packet, HEADER_BYTES, { initiator: from, via });
      }
    } else if (flow === undefined) return this.#refuse(from, frame);
    this.#flows.sent(flow, packet, HEADER_BYTES);
    this.#send(from, flow.via, frame);
  }

  /** A TCP packet from a foreign address, of which police has seen that it is of a flow. */
  #answerFlow(from: string, frame: Frame): void {
    const packet = frame.bytes;
    const flow = isSegment(packet, HEADER_BYTES)
      ? this.#flows.inbound(packet, HEADER_BYTES)
      : undefined;
    // It may have ended since, by a packet of the same batch. Of one that was refused nothing
    // is left but the reset behind the refusal.
    if (
      flow === undefined || flow.via !== from ||
      flow.phase === "refused" && (tcpFlagsOf(packet, HEADER_BYTES) & TcpFlag.RST) === 0
    ) {
      this.#counters.refused++;
      return this.disown(from, frame);
    }
    this.#flows.answered(flow, packet, HEADER_BYTES);
    this.#send(from, flow.initiator, frame);
  }

  /** Gives a packet to the host `name`, or does what its state asks for. */
  #send(from: string, name: string | undefined, frame: Frame): void {
    const packet = frame.bytes;
    const host = name === undefined ? undefined : this.#hosts.get(name);
    if (host?.port !== undefined) {
      host.port.push(frame, this.#host(from).sender);
      this.#counters.delivered++;
      return;
    }
    const state = name === undefined ? undefined : host?.state ?? "down";
    const decision = decide(state, packet, HEADER_BYTES);
    if (decision === "refuse") return this.#refuse(from, frame);
    if (decision === "wait" && host !== undefined) return this.#wait(from, host, frame);
    this.#counters.unroutable++;
    if (decision === "unreachable") {
      // The reason first; the reset is for those who act on nothing else, as NoRouter does.
      this.#answer(from, unreachableOf(packet, Unreachable.NETWORK, HEADER_BYTES));
      this.#answer(from, resetOf(packet, HEADER_BYTES));
    }
  }

  #wait(from: string, host: Host, frame: Frame): void {
    host.waiting ??= new WaitingRoom(this.#waitingBytes);
    const { isKept, turnedAway } = host.waiting.add(from, frame);
    if (isKept) this.#counters.waited++;
    this.#counters.overflowed += turnedAway;
  }

  #refuse(from: string, frame: Frame): void {
    const packet = frame.bytes;
    this.#counters.refused++;
    // Who opens a connection learns that it is the host that is down.
    if (isOpening(packet, HEADER_BYTES)) {
      this.#answer(from, unreachableOf(packet, Unreachable.HOST, HEADER_BYTES));
    }
    this.#answer(from, refusalOf(packet, HEADER_BYTES));
  }

  /** The five-tuple of `flow` is used again. A host that will not see that has to be told. */
  #replace(flow: Flow, via: string | undefined): void {
    this.#flows.end(flow);
    if (flow.via !== via) this.#resetVia(flow);
  }

  /** Resets both ends of a flow that is over. */
  #abort(flow: Flow): void {
    this.#counters.aborted++;
    this.#resetVia(flow);
    this.#answer(
      flow.initiator,
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

  #resetVia(flow: Flow): void {
    this.#answer(
      flow.via,
      resetFor({
        source: flow.address,
        sourcePort: flow.port,
        destination: flow.foreign,
        destinationPort: flow.foreignPort,
        sequence: flow.viaExpects,
      }),
    );
  }

  /** What the router itself says to a host is charged to that host. */
  #answer(to: string, frame: Frame | undefined): void {
    if (frame === undefined) return;
    const host = this.#hosts.get(to);
    host?.port?.push(frame, host.sender);
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = {
        sender: new Sender(name),
        state: "down",
        port: undefined,
        waiting: undefined,
      };
      this.#hosts.set(name, host);
    }
    return host;
  }
}
