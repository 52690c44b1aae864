/**
 * Capture: packets that pass the router, as a file in pcapng that comes bit by bit.
 *
 * Each host is an interface. A packet stands there once: *inbound* on the interface of the
 * host that it came from or, where that is not captured, *outbound* on that of the host it
 * is for. Packets that the router says itself are outbound. What was not delivered says so
 * in a comment.
 *
 * Bytes are copied when a packet is kept and no earlier. Packets that find no room are
 * dropped and counted; the next one of their interface says how many, and the statistics
 * at the end how many in all.
 *
 * @module
 */

import { type Frame, FrameType, HEADER_BYTES } from "../../wire/frame.ts";
import { formatIpv4, totalLengthOf } from "../../wire/ip/ipv4.ts";
import {
  Direction,
  interfaceDescription,
  interfaceStatistics,
  nameResolution,
  packetBlockBytes,
  sectionHeader,
  writePacket,
} from "../../wire/pcapng.ts";
import type { Member } from "../members.ts";
import { Chunks } from "./chunks.ts";
import type { FlowFilter } from "./flow_filter.ts";
import type { Onlooker, Passage } from "./watch.ts";

/** Bytes that wait for a reader at most. */
const WAITING_BYTES = 4 << 20;

/** Comments that are remembered. */
const MOST_COMMENTS = 1000;

/** What is captured. */
export interface CaptureOptions {
  /** Hosts whose packets are captured; undefined for all, also those that come later. */
  readonly hosts?: ReadonlySet<string> | undefined;
  /** Packets of either of these flows are captured; all if there are none. */
  readonly flows?: readonly FlowFilter[];
  /** Bytes of a packet that are kept; 0 for all. */
  readonly snaplen?: number | undefined;
  /** Packets after which it ends. */
  readonly count?: number | undefined;
  /** Bytes that wait for the reader at most. Default 4 MiB. */
  readonly waitingBytes?: number;
  /** Nanoseconds since 1970. */
  now(): bigint;
  /** The program that captures, with its version. */
  readonly application: string;
  /** The system that it runs on. */
  readonly system: string;
  /** What is captured, for people. */
  readonly comment: string;
  /** Told once that it has ended. */
  onEnd?(): void;
}

/** A host. */
export interface CapturedHost {
  readonly name: string;
  readonly vip: number;
}

interface Counted {
  readonly index: number;
  vip: number | undefined;
  received: number;
  accepted: number;
  delivered: number;
  dropped: number;
  /** Those of the dropped that no packet has told of. */
  untold: number;
}

const encoder = new TextEncoder();

/** A capture, from its start to its end. */
export class Capture implements Onlooker {
  readonly #options: CaptureOptions;
  readonly #flows: readonly FlowFilter[];
  readonly #snaplen: number;
  readonly #chunks: Chunks;
  readonly #start: bigint;
  readonly #interfaces = new Map<string, Counted>();
  readonly #comments = new Map<string, Uint8Array>();
  #left: number;
  #isOver = false;

  /** Begins with these hosts. */
  constructor(hosts: Iterable<CapturedHost>, options: CaptureOptions) {
    this.#options = options;
    this.#flows = options.flows ?? [];
    this.#snaplen = options.snaplen || Infinity;
    this.#left = options.count ?? Infinity;
    this.#chunks = new Chunks(options.waitingBytes ?? WAITING_BYTES);
    this.#start = options.now();
    this.#chunks.push(sectionHeader(options));
    const captured = [...hosts].filter(({ name }) => this.#captures(name));
    for (const host of captured) this.#describe(host);
    // Others are the other ends of flows.
    const names = [...hosts].map(({ name, vip }) => ({ address: vip, names: [name] }));
    if (names.length > 0) this.#chunks.push(nameResolution(names));
  }

  see(frame: Frame, passage: Passage): void {
    if (this.#isOver || frame.type !== FrameType.L3) return;
    const { bytes } = frame;
    const { from, to } = passage;
    const inbound = from && this.#interfaceOf(from);
    const counted = inbound ?? (to && this.#interfaceOf(to));
    if (counted === undefined) return;
    counted.received++;
    if (this.#flows.length > 0) {
      if (!this.#flows.some((flow) => flow.matches(bytes, HEADER_BYTES))) return;
    }
    counted.accepted++;
    const original = totalLengthOf(bytes, HEADER_BYTES);
    const length = Math.min(original, this.#snaplen);
    const dropped = counted.untold;
    const comment = this.#commentOf(passage);
    const room = this.#chunks.room(packetBlockBytes({ length, dropped, comment }));
    if (room === undefined) {
      counted.dropped++;
      counted.untold++;
      return;
    }
    writePacket(room.view, room.at, {
      index: counted.index,
      time: this.#options.now(),
      direction: inbound ? Direction.INBOUND : Direction.OUTBOUND,
      bytes,
      start: HEADER_BYTES,
      length,
      original,
      dropped,
      comment,
    });
    counted.untold = 0;
    counted.delivered++;
    if (--this.#left <= 0) this.end();
  }

  /** What all interfaces have counted: packets kept, and those that found no room. */
  get counted(): { readonly packets: number; readonly dropped: number } {
    let [packets, dropped] = [0, 0];
    for (const each of this.#interfaces.values()) {
      packets += each.delivered;
      dropped += each.dropped;
    }
    return { packets, dropped };
  }

  /** The next bytes; waits for some, until the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#chunks.next();
  }

  /**
   * Writes what the first interface has counted so far, if nothing waits: only a write finds
   * out that the reader is gone.
   */
  beat(): void {
    if (this.#isOver || this.#chunks.bytes > 0) return;
    const [first] = this.#interfaces.values();
    if (first) this.#count(first);
  }

  /** Captures no more. What waits can still be read, and then what was counted. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const counted of this.#interfaces.values()) this.#count(counted);
    this.#chunks.end();
    this.#options.onEnd?.();
  }

  #count(counted: Counted): void {
    const [start, end] = [this.#start, this.#options.now()];
    this.#chunks.push(interfaceStatistics({ ...counted, start, end }));
  }

  #captures(host: string): boolean {
    return this.#options.hosts?.has(host) ?? true;
  }

  /** The interface of a host, if it is captured. */
  #interfaceOf({ name, vip }: Member): Counted | undefined {
    const known = this.#interfaces.get(name);
    if (known && (known.vip === vip || vip === undefined)) return known;
    if (vip === undefined || !this.#captures(name)) return undefined;
    // It came after the start, or has another address than before.
    this.#chunks.push(nameResolution([{ address: vip, names: [name] }]));
    if (!known) return this.#describe({ name, vip });
    known.vip = vip;
    return known;
  }

  #describe({ name, vip }: CapturedHost): Counted {
    const index = this.#interfaces.size;
    const counts = { received: 0, accepted: 0, delivered: 0, dropped: 0, untold: 0 };
    const counted = { index, vip, ...counts };
    this.#interfaces.set(name, counted);
    this.#chunks.push(interfaceDescription({
      name,
      description: `host of the mesh, ${formatIpv4(vip)}`,
      address: vip,
      snaplen: Number.isFinite(this.#snaplen) ? this.#snaplen : 0,
    }));
    return counted;
  }

  #commentOf(
    passage: Passage,
  ): Uint8Array | undefined {
    const { from, fate } = passage;
    if (from !== undefined && fate === "delivered") return undefined;
    const text = from === undefined ? "said by the router" : wordsFor(passage);
    const known = this.#comments.get(text);
    if (known) return known;
    const comment = encoder.encode(text);
    if (this.#comments.size >= MOST_COMMENTS) this.#comments.clear();
    this.#comments.set(text, comment);
    return comment;
  }
}

function wordsFor({ fate, to, rule }: Passage): string {
  const host = to ? JSON.stringify(to.name) : "its host";
  switch (fate) {
    case "delivered":
      return `delivered to ${host}`;
    case "waits":
      return `waits for ${host}, which is ${to?.presence ?? "not there"}`;
    case "refused":
      return to && to.presence !== "up"
        ? `refused: ${host} is ${to.presence}`
        : "refused: it is of no connection that is known";
    case "missed":
      return `dropped: ${host} is away`;
    case "unroutable":
      return "dropped: it leads nowhere";
    case "denied":
      return `denied by the rule at ${rule ?? "an unknown place"}: it was for ${host}`;
    case "pursued":
      return "dropped: the policy forbids this connection";
    case "forged":
      return "dropped: its sender may not send in the name of this address";
  }
}
