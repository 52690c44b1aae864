/**
 * A network of stacks in a single process with a clock and losses of its own, for tests.
 *
 * @module
 */
import { encodeFrame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import { destinationOf, parseIpv4 } from "../wire/ip/ipv4.ts";
import { stackModule } from "./module.ts";
import { Stack } from "./stack.ts";
import type { TcpConnection } from "./tcp.ts";

/** A host of the network. */
export interface Node {
  readonly stack: Stack;
  readonly address: number;
  /** Held SYNs that nobody took yet, oldest first. */
  readonly arrived: TcpConnection[];
}

/** The packets in the frames of a run, without the decoder that is tested elsewhere. */
export function packetsOf(run: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let at = 0; at < run.length;) {
    const length = run[at + 1]! << 16 | run[at + 2]! << 8 | run[at + 3]!;
    const type = run[at + 4]! << 8 | run[at + 5]!;
    if (type === FrameType.L3) {
      packets.push(run.slice(at + HEADER_BYTES, at + 4 + length));
    }
    at += 4 + length;
  }
  return packets;
}

/** Hosts whose packets are carried by {@link Network.settle}. */
export class Network {
  /** Milliseconds; moves only by {@link Network.pass}. */
  now = 1_000;
  /** Decides which packets are lost. */
  lose: (packet: Uint8Array) => boolean = () => false;
  /** Takes output of a host, if any is to be taken now. */
  take: (stack: Stack) => Uint8Array | undefined = (stack) => stack.takeOutput();
  /** The packets that arrive in the place of one that is carried. */
  relay: (packet: Uint8Array) => Uint8Array[] = (packet) => [packet];
  /** Sees every packet that is carried. */
  tap: (packet: Uint8Array) => void = () => {};
  readonly #nodes = new Map<number, Node>();

  async add(address: string): Promise<Node> {
    const arrived: TcpConnection[] = [];
    const stack = new Stack(await stackModule(), {
      seed: new Uint32Array([1, 2, 3, this.#nodes.size]),
      onSyn: (connection) => arrived.push(connection),
      onTouched: () => {},
      onBroken: (error) => {
        throw error;
      },
    });
    const number = parseIpv4(address)!;
    stack.start(number);
    stack.poll(this.now);
    const node = { stack, address: number, arrived };
    this.#nodes.set(number, node);
    return node;
  }

  /** Hands a packet to a host. */
  inject(node: Node, packet: Uint8Array): void {
    const buffer = node.stack.takeInput();
    const frame = encodeFrame(FrameType.L3, packet).bytes;
    buffer.body.set(frame);
    node.stack.input(buffer, buffer.address, frame.length);
    node.stack.releaseInput(buffer);
    node.stack.dispatch();
  }

  /** Carries packets, without time passing, until no host has any more. */
  carry(): number {
    let carried = 0;
    for (const { stack } of this.#nodes.values()) {
      stack.dispatch();
      for (let run = this.take(stack); run; run = this.take(stack)) {
        const packets = packetsOf(run).flatMap((packet) => this.relay(packet));
        stack.outputDone();
        for (const packet of packets) {
          carried++;
          this.tap(packet);
          if (this.lose(packet)) continue;
          const to = this.#nodes.get(destinationOf(packet));
          if (to) this.inject(to, packet);
        }
      }
    }
    return carried;
  }

  /** Carries packets and lets waiters run until nothing moves any more. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      quiet = this.carry() > 0 ? 0 : quiet + 1;
      await new Promise<void>((resolve) => setTimeout(resolve));
    }
  }

  /** Lets time pass in the stacks, in steps of their tick. */
  async pass(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      this.now += 50;
      for (const { stack } of this.#nodes.values()) stack.poll(this.now);
      while (this.carry() > 0);
      if (passed % 1000 === 0) await this.settle();
    }
    await this.settle();
  }
}

/** Sends all of `bytes`; the stream stays open. */
export async function sendAll(
  connection: TcpConnection,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const room = await connection.writable();
    const block = connection.allocate(65536);
    if (!block) {
      await new Promise<void>((resolve) => setTimeout(resolve));
      continue;
    }
    const length = Math.min(room, block.bytes.length, bytes.length - at);
    block.bytes.set(bytes.subarray(at, at + length));
    if (connection.send(block, length) === "copied") connection.free(block);
    at += length;
  }
}

/** Everything until the end of the stream. */
export async function receiveAll(connection: TcpConnection): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  while (await connection.readable()) {
    const bytes = connection.peek();
    parts.push(bytes.slice());
    connection.consume(bytes.length);
  }
  return await new Blob(parts).bytes();
}
