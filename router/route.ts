/**
 * Route: the end of every pipeline, where a packet meets its host's link or an answer.
 *
 * One router serves all links. Per host it knows a state, which the manager tells it:
 *
 * | state    | a packet to the host                                                 |
 * | -------- | -------------------------------------------------------------------- |
 * | up       | goes to the host's port (a `LinkQueue`)                              |
 * | starting | waits, bounded, if it may begin something; else it is refused        |
 * | down     | is refused: a reset or an ICMP host unreachable goes to the sender   |
 * | none     | no route: a SYN gets ICMP network unreachable, the rest is dropped   |
 *
 * What waits is delivered when the host comes up and refused when it goes down, so the
 * manager bounds the wait by telling either. A segment of a connection that existed
 * before is refused while its host is starting, because the new agent cannot know it.
 *
 * @module
 */

import { type Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import { destinationOf } from "../wire/ipv4.ts";
import { isOpening, isSegment, refusalOf, Unreachable, unreachableOf } from "./reset.ts";
import { WaitingRoom } from "./waiting.ts";

/** What the manager says about a host. */
export type HostState = "up" | "starting" | "down";

/** What happens to a packet. */
export type Decision = "deliver" | "wait" | "refuse" | "unreachable" | "drop";

/** Where frames for a host go; a `LinkQueue` is one. Must neither wait nor throw. */
export interface Port {
  /** Takes a frame; at its limit it drops by its own rules. */
  push(frame: Frame): unknown;
}

/** Tells which host gets what; a `RoutingTable` is one. */
export interface Lookup {
  /** Name of the host for what `from` sends to `address`. */
  lookup(from: string, address: number): string | undefined;
}

/** What became of packets, in frames. */
export interface RouteCounters {
  /** Given to a port. */
  delivered: number;
  /** Put among the waiting; they count again as what becomes of them. */
  waited: number;
  /** Dropped because too much was waiting. */
  overflowed: number;
  /** Sent to a host that was down, or to a connection it no longer has. */
  refused: number;
  /** Sent to an address that leads nowhere. */
  unroutable: number;
}

/** Options of a {@linkcode Router}. */
export interface RouterOptions {
  /** Bytes that may wait for one host that is starting. Default 1 MiB. */
  readonly waitingBytes?: number;
}

interface Host {
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
  readonly #table: Lookup;
  readonly #waitingBytes: number;
  readonly #hosts = new Map<string, Host>();

  /** Makes a router whose hosts are all down. */
  constructor(table: Lookup, options: RouterOptions = {}) {
    this.#table = table;
    this.#waitingBytes = options.waitingBytes ?? 1 << 20;
    this.#counters = {
      delivered: 0,
      waited: 0,
      overflowed: 0,
      refused: 0,
      unroutable: 0,
    };
    this.counters = this.#counters;
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

  /** Says that `host` is up behind `port`, which gets at once what has waited. */
  up(host: string, port: Port): void {
    const entry = this.#host(host);
    entry.state = "up";
    entry.port = port;
    for (const { frame } of entry.waiting?.empty() ?? []) {
      port.push(frame);
      this.#counters.delivered++;
    }
  }

  /** Says that `host` is down: what waits, and what comes, is refused. */
  down(host: string): void {
    const entry = this.#host(host);
    entry.state = "down";
    entry.port = undefined;
    for (const { from, frame } of entry.waiting?.empty() ?? []) this.#refuse(from, frame);
  }

  /**
   * Runs the pipeline of the host `from` to its end: packets are forwarded, and each control
   * frame is given to `onControl`, in order. What that throws ends the pipeline.
   */
  async run(
    from: string,
    batches: AsyncIterable<Frame[]>,
    onControl: (frame: Frame) => void,
  ): Promise<void> {
    for await (const batch of batches) {
      for (const frame of batch) {
        if (frame.type === FrameType.L3) this.forward(from, frame);
        else onControl(frame);
      }
    }
  }

  /** Forwards one packet of `from`, which has passed `police`. */
  forward(from: string, frame: Frame): void {
    const packet = frame.bytes;
    const name = this.#table.lookup(from, destinationOf(packet, HEADER_BYTES));
    const host = name === undefined ? undefined : this.#hosts.get(name);
    if (host?.port !== undefined) {
      host.port.push(frame);
      this.#counters.delivered++;
      return;
    }
    const state = name === undefined ? undefined : host?.state ?? "down";
    const decision = decide(state, packet, HEADER_BYTES);
    if (decision === "refuse") return this.#refuse(from, frame);
    if (decision === "wait" && host !== undefined) return this.#wait(from, host, frame);
    this.#counters.unroutable++;
    if (decision === "unreachable") {
      this.#answer(from, unreachableOf(packet, Unreachable.NETWORK, HEADER_BYTES));
    }
  }

  #wait(from: string, host: Host, frame: Frame): void {
    host.waiting ??= new WaitingRoom(this.#waitingBytes);
    if (host.waiting.add(from, frame)) this.#counters.waited++;
    else this.#counters.overflowed++;
  }

  #refuse(from: string, frame: Frame): void {
    this.#counters.refused++;
    this.#answer(from, refusalOf(frame.bytes, HEADER_BYTES));
  }

  #answer(to: string, frame: Frame | undefined): void {
    if (frame !== undefined) this.#hosts.get(to)?.port?.push(frame);
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = { state: "down", port: undefined, waiting: undefined };
      this.#hosts.set(name, host);
    }
    return host;
  }
}
