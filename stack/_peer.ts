/**
 * A peer that makes its own segments, such as no stack of ours would send.
 *
 * @module
 */
import { destinationOf, TcpFlag } from "../wire/ip/ipv4.ts";
import { type Network, type Node, packetsOf } from "./_network.ts";
import {
  makeSegment,
  parseSegment,
  type Segment,
  type SegmentFields,
} from "./_segment.ts";
import type { TcpConnection } from "./tcp.ts";

const PEER = 0x7f002a09;
const PEER_PORT = 5555;
const PORT = 80;
/** Window scale 6, MSS 65488, SACK permitted. */
const SYN_OPTIONS = [1, 3, 3, 6, 2, 4, 0xff, 0xd0, 1, 1, 4, 2];

/** A segment to send; sequence numbers count from the first byte of each direction. */
export interface Sent {
  readonly at: number;
  readonly acknowledge: number;
  readonly window: number;
  readonly data?: Uint8Array;
  readonly options?: number[];
  /** Beside ACK. */
  readonly flags?: number;
}

/** Who connects, and how. */
export interface PeerOptions {
  readonly address?: number;
  readonly port?: number;
  /** Of the SYN. */
  readonly options?: number[];
  /** Sent in place of a plain ACK to complete the handshake. */
  readonly completion?: Sent;
}

const PLAIN: Sent = { at: 0, acknowledge: 0, window: 65535 };

/** A connection between a stack and a peer of our making. */
export class Peer {
  readonly connection: TcpConnection;
  readonly #net: Network;
  readonly #node: Node;
  readonly #address: number;
  readonly #port: number;
  readonly #first = 1000;
  readonly #theirs: number;

  /** Connects to `node`, which accepts. */
  constructor(net: Network, node: Node, options: PeerOptions = {}) {
    this.#net = net;
    this.#node = node;
    this.#address = options.address ?? PEER;
    this.#port = options.port ?? PEER_PORT;
    this.#inject({
      sequence: this.#first,
      flags: TcpFlag.SYN,
      window: 65535,
      options: options.options ?? SYN_OPTIONS,
    });
    this.connection = node.arrived.shift()!;
    this.connection.accept();
    this.#theirs = this.receive()[0]!.sequence + 1;
    this.send(options.completion ?? PLAIN);
  }

  /** Sends a segment with ACK. */
  send({ at, acknowledge, flags = 0, ...rest }: Sent): void {
    this.#inject({
      sequence: this.#first + 1 + at,
      acknowledged: this.#theirs + acknowledge,
      flags: flags | TcpFlag.ACK,
      ...rest,
    });
  }

  /** The segments that the stack has sent since the last call. */
  receive(): Segment[] {
    const segments: Segment[] = [];
    const { stack } = this.#node;
    stack.dispatch();
    for (let run = stack.takeOutput(); run; run = stack.takeOutput()) {
      for (const packet of packetsOf(run)) {
        if (packet[9] === 6 && destinationOf(packet) === this.#address) {
          segments.push(parseSegment(packet));
        }
      }
      stack.outputDone();
    }
    return segments;
  }

  /** Lets `milliseconds` pass in the stack and answers its segments. */
  pass(milliseconds: number, answer: (segment: Segment) => void): void {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      this.#net.now += 50;
      this.#node.stack.poll(this.#net.now);
      for (const segment of this.receive()) answer(segment);
    }
  }

  #inject(
    fields: Omit<SegmentFields, "from" | "to" | "fromPort" | "toPort">,
  ): void {
    const packet = makeSegment({
      from: this.#address,
      to: this.#node.address,
      fromPort: this.#port,
      toPort: PORT,
      ...fields,
    });
    this.#net.inject(this.#node, packet);
  }
}
