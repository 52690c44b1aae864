/** A peer that makes its own segments, for what no stack of ours would send. */
import { destinationOf, TcpFlag } from "../wire/ipv4.ts";
import { checksumOf } from "./_checksum.ts";
import { type Network, type Node, packetsOf } from "./_network.ts";
import type { TcpConnection } from "./tcp.ts";

const PEER = 0x7f002a09;
const PEER_PORT = 5555;
const PORT = 80;
/** Window scale 6, MSS 65488, SACK permitted. */
const SYN_OPTIONS = [1, 3, 3, 6, 2, 4, 0xff, 0xd0, 1, 1, 4, 2];

/** A segment as it came from the stack; numbers as on the wire. */
export interface Segment {
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: number;
  readonly window: number;
  readonly data: Uint8Array;
}

/** What to send; sequence numbers count from the first byte of each direction. */
export interface Sent {
  readonly at: number;
  readonly acknowledge: number;
  readonly window: number;
  readonly data?: Uint8Array;
  readonly options?: number[];
}

/** A connection between a stack and a peer of our making. */
export class Peer {
  readonly connection: TcpConnection;
  readonly #net: Network;
  readonly #node: Node;
  readonly #first = 1000;
  readonly #theirs: number;

  /** Connects to `node`, which accepts. */
  constructor(net: Network, node: Node) {
    this.#net = net;
    this.#node = node;
    this.#inject(this.#first, 0, TcpFlag.SYN, 65535, undefined, SYN_OPTIONS);
    this.connection = node.arrived.shift()!;
    this.connection.accept();
    this.#theirs = this.receive()[0]!.sequence + 1;
    this.send({ at: 0, acknowledge: 0, window: 65535 });
  }

  /** Sends a segment with ACK. */
  send({ at, acknowledge, window, data, options }: Sent): void {
    const sequence = this.#first + 1 + at;
    const acknowledged = this.#theirs + acknowledge;
    this.#inject(sequence, acknowledged, TcpFlag.ACK, window, data, options);
  }

  /** What the stack has sent since the last time. */
  receive(): Segment[] {
    const segments: Segment[] = [];
    const { stack } = this.#node;
    stack.dispatch();
    for (let run = stack.takeOutput(); run; run = stack.takeOutput()) {
      for (const packet of packetsOf(run)) {
        if (packet[9] === 6 && destinationOf(packet) === PEER) {
          segments.push(parse(packet));
        }
      }
      stack.outputDone();
    }
    return segments;
  }

  /** Lets `milliseconds` pass in the stack and answers what it sends. */
  pass(milliseconds: number, answer: (segment: Segment) => void): void {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      this.#net.now += 50;
      this.#node.stack.poll(this.#net.now);
      for (const segment of this.receive()) answer(segment);
    }
  }

  #inject(
    sequence: number,
    acknowledged: number,
    flags: number,
    window: number,
    data: Uint8Array = new Uint8Array(0),
    options: number[] = [],
  ): void {
    const header = 20 + options.length;
    const packet = new Uint8Array(20 + header + data.length);
    const view = new DataView(packet.buffer);
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet[8] = 64;
    packet[9] = 6;
    view.setUint32(12, PEER);
    view.setUint32(16, this.#node.address);
    view.setUint16(10, ~checksumOf(packet.subarray(0, 20)) & 0xffff);
    view.setUint16(20, PEER_PORT);
    view.setUint16(22, PORT);
    view.setUint32(24, sequence);
    view.setUint32(28, acknowledged);
    packet[32] = header / 4 << 4;
    packet[33] = flags;
    view.setUint16(34, window);
    packet.set(options, 40);
    packet.set(data, 20 + header);
    const pseudo = new Uint8Array(12 + header + data.length);
    pseudo.set(packet.subarray(12, 20));
    pseudo[9] = 6;
    new DataView(pseudo.buffer).setUint16(10, header + data.length);
    pseudo.set(packet.subarray(20), 12);
    view.setUint16(36, ~checksumOf(pseudo) & 0xffff);
    this.#net.inject(this.#node, packet);
  }
}

function parse(packet: Uint8Array): Segment {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  return {
    sequence: view.getUint32(24),
    acknowledged: view.getUint32(28),
    flags: packet[33]!,
    window: view.getUint16(34),
    data: packet.subarray(20 + (packet[32]! >> 4) * 4),
  };
}
