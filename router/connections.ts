/**
 * Connections as a router sees them pass: the opener, the bytes each way, and the end of
 * each. For people who look for a fault. A stage of every pipeline, so that both
 * directions are seen; pipelines without it pay nothing.
 *
 * Bytes are counted by sequence numbers, so a retransmitted segment counts once. A
 * connection that ends without a word to the router, because its host vanished, is ended
 * by {@linkcode Connections.down}; a connection whose end never passes makes way for
 * others.
 *
 * @module
 */

import { type Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import {
  destinationOf,
  destinationPortOf,
  headerLengthOf,
  isFragment,
  Protocol,
  protocolOf,
  sourceOf,
  sourcePortOf,
  TcpFlag,
  tcpFlagsOf,
  totalLengthOf,
} from "../wire/ip/ipv4.ts";
import { isOpening, isSegment } from "../wire/ip/tcp.ts";
import { isIcmpError, quotedIn, Unreachable } from "../wire/ip/icmp.ts";
import { sequenceOf } from "./flow.ts";
import type { Stage } from "./stage.ts";
import { tap } from "./tap.ts";

/**
 * Connections that are remembered at a time; beyond that the oldest are reported as
 * forgotten.
 */
const MOST = 4096;

/**
 * How a connection ended: both directions closed; reset by the opener or by the target;
 * refused before open; denied by the policy; refused by an ICMP message with a code; the host at either end is
 * down; or forgotten, since too many others are open.
 */
export type ConnectionEnd =
  | {
    readonly how: "closed" | "resetByOpener" | "resetByTarget" | "refused" | "denied";
  }
  | { readonly how: "icmp"; readonly code: number }
  | { readonly how: "down"; readonly host: string | undefined }
  | { readonly how: "forgotten" };

/** A connection; its fields are as of now. */
export interface Connection {
  /** The host that opened the connection. */
  readonly opener: string;
  /** The target host, by VIP or through a route; undefined if nowhere. */
  readonly target: string | undefined;
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  readonly destinationPort: number;
  /** Milliseconds of the clock at its SYN. */
  readonly since: number;
  /** Bytes from the opener. */
  readonly sent: number;
  /** Bytes to the opener. */
  readonly received: number;
}

/** Options of {@linkcode Connections}. */
export interface ConnectionsOptions {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** The host behind an address, as seen from another; undefined if none. */
  targetOf(from: string, address: number): string | undefined;
  /** Whether packets to the host are carried, or wait. */
  isThere(host: string): boolean;
  /** The target has accepted the connection. */
  opened(connection: Connection): void;
  /** The connection is over. */
  ended(connection: Connection, end: ConnectionEnd): void;
}

interface Entry extends Connection {
  readonly key: string;
  readonly first: number;
  sent: number;
  received: number;
  /** The sequence numbers that come next, from either side. */
  nextSent: number;
  nextReceived: number | undefined;
  finSent: boolean;
  finReceived: boolean;
}

/** Watches the connections of all hosts. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** The stage for frames from the host `from`. */
  tap(from: string): Stage {
    return tap((frame) => this.see(from, frame));
  }

  /** Looks at a frame that `from` sent and that police let pass. */
  see(from: string, frame: Frame): void {
    if (frame.type !== FrameType.L3) return;
    const packet = frame.bytes;
    const at = HEADER_BYTES;
    if (protocolOf(packet, at) === Protocol.ICMP) return this.#icmp(packet, at);
    if (protocolOf(packet, at) !== Protocol.TCP || !isSegment(packet, at)) return;
    const there = keyOf(packet, at);
    if (isOpening(packet, at)) return this.#open(from, there, packet, at);
    const outbound = this.#entries.get(there);
    if (outbound) return this.#note(outbound, true, packet, at);
    const inbound = this.#entries.get(keyOf(packet, at, true));
    if (inbound) this.#note(inbound, false, packet, at);
  }

  /** The policy denied the connection that was asked for by this frame. */
  denied({ bytes }: Frame): void {
    const entry = this.#entries.get(keyOf(bytes, HEADER_BYTES));
    if (entry) this.#end(entry, { how: "denied" });
  }

  /** A connection was asked for by this frame, which waited too long for its host. */
  waitedInVain({ bytes }: Frame): void {
    if (protocolOf(bytes, HEADER_BYTES) !== Protocol.TCP) return;
    const entry = this.#entries.get(keyOf(bytes, HEADER_BYTES));
    if (entry) this.#end(entry, { how: "icmp", code: Unreachable.HOST });
  }

  /** A host is down, and its connections with it. */
  down(host: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.opener === host || entry.target === host) {
        this.#end(entry, { how: "down", host });
      }
    }
  }

  #open(from: string, key: string, packet: Uint8Array, at: number): void {
    const first = sequenceOf(packet, at);
    const old = this.#entries.get(key);
    if (old?.first === first) return; // sent again
    if (old) this.#end(old, { how: "forgotten" });
    if (this.#entries.size >= MOST) {
      const [oldest] = this.#entries.values();
      this.#end(oldest!, { how: "forgotten" });
    }
    const destination = destinationOf(packet, at);
    const target = this.#options.targetOf(from, destination);
    const entry: Entry = {
      key,
      first,
      opener: from,
      target,
      source: sourceOf(packet, at),
      sourcePort: sourcePortOf(packet, at),
      destination,
      destinationPort: destinationPortOf(packet, at),
      since: this.#options.now(),
      sent: 0,
      received: 0,
      nextSent: first + 1 >>> 0,
      nextReceived: undefined,
      finSent: false,
      finReceived: false,
    };
    this.#entries.set(key, entry);
    const isThere = target !== undefined && this.#options.isThere(target);
    if (!isThere) this.#end(entry, { how: "down", host: target });
  }

  #note(entry: Entry, isOutbound: boolean, packet: Uint8Array, at: number): void {
    const flags = tcpFlagsOf(packet, at);
    const isOpen = entry.nextReceived !== undefined;
    if ((flags & TcpFlag.RST) !== 0) {
      const how = isOutbound ? "resetByOpener" : isOpen ? "resetByTarget" : "refused";
      return this.#end(entry, { how });
    }
    const sequence = sequenceOf(packet, at);
    const end = sequence + payloadOf(packet, at) >>> 0;
    if (isOutbound) {
      const fresh = Math.max(0, end - entry.nextSent | 0);
      entry.sent += fresh;
      entry.nextSent = entry.nextSent + fresh >>> 0;
    } else if (!isOpen) {
      entry.nextReceived = sequence + 1 >>> 0;
      this.#options.opened(entry);
    } else {
      const fresh = Math.max(0, end - entry.nextReceived! | 0);
      entry.received += fresh;
      entry.nextReceived = entry.nextReceived! + fresh >>> 0;
    }
    if ((flags & TcpFlag.FIN) === 0) return;
    if (isOutbound) entry.finSent = true;
    else entry.finReceived = true;
    if (entry.finSent && entry.finReceived) this.#end(entry, { how: "closed" });
  }

  /** An ICMP error quotes a packet's header and ports, which name the connection. */
  #icmp(packet: Uint8Array, at: number): void {
    if (isFragment(packet, at) || !isIcmpError(packet, at)) return;
    const quoted = quotedIn(packet, at);
    if (quoted === undefined || protocolOf(packet, quoted) !== Protocol.TCP) return;
    const entry = this.#entries.get(keyOf(packet, quoted));
    // To an open connection an ICMP error is only a hint.
    if (!entry || entry.nextReceived !== undefined) return;
    this.#end(entry, { how: "icmp", code: packet[at + headerLengthOf(packet, at) + 1]! });
  }

  #end(entry: Entry, end: ConnectionEnd): void {
    this.#entries.delete(entry.key);
    this.#options.ended(entry, end);
  }
}

function keyOf(packet: Uint8Array, at: number, isReversed = false): string {
  const source = `${sourceOf(packet, at)}:${sourcePortOf(packet, at)}`;
  const destination = `${destinationOf(packet, at)}:${destinationPortOf(packet, at)}`;
  return isReversed ? `${destination} ${source}` : `${source} ${destination}`;
}

function payloadOf(packet: Uint8Array, at: number): number {
  const header = headerLengthOf(packet, at);
  const offset = (packet[at + header + 12]! >> 4) * 4;
  return Math.max(0, totalLengthOf(packet, at) - header - offset);
}
