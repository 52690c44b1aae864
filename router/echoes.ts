/**
 * Echoes: ICMP echo requests (RFC 792) that the manager itself sends into the router, and
 * the answers to them.
 *
 * A request goes out in the name of a host and the answer is addressed to that host, so the
 * router has to know which answers are its own. An answer counts if all of it fits: both
 * addresses, identifier, sequence number, and the data, which begin with a token that others
 * cannot guess. Such an answer is taken, once; any other echo goes its way like all packets.
 *
 * A packet of ICMP costs a look at a number while nobody waits; others cost nothing.
 *
 * @module
 */

import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { addWords, foldChecksum } from "../wire/ip/checksum.ts";
import { ICMP_ECHO, ICMP_ECHO_REPLY, ICMP_HEADER_BYTES } from "../wire/ip/icmp.ts";
import {
  destinationOf,
  headerLengthOf,
  IPV4_HEADER_BYTES,
  isFragment,
  Protocol,
  readUint16,
  sourceOf,
  totalLengthOf,
} from "../wire/ip/ipv4.ts";
import { packetFrom } from "./refusal.ts";

/** Requests that may be under way at a time. */
export const MOST_ECHOES = 256;

/** An echo to be asked for. */
export interface AskedEcho {
  /** The host whose VIP asks. */
  readonly from: string;
  /** The host whose VIP is asked. */
  readonly to: string;
  /** The data: as many bytes, of which the first are to be hard to guess. */
  readonly data: Uint8Array;
  /** Called with the answer, in the turn in which it is routed. */
  answered(): void;
}

/** A request that is under way. */
interface Waiting {
  readonly from: number;
  readonly to: number;
  readonly data: Uint8Array;
  answered(): void;
}

/** The requests of a router that wait for answers. */
export class Echoes {
  /** By sequence number. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #id: number;
  #sequence = 0;

  /** The identifier of all requests comes from `seed`. */
  constructor(seed: number) {
    this.#id = seed & 0xffff;
  }

  /** Requests without an answer that are still waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Makes a request and waits for its answer until `forget` is called; undefined if too many
   * wait.
   */
  ask(
    from: number,
    to: number,
    { data, answered }: Pick<AskedEcho, "data" | "answered">,
  ): { readonly request: Frame; readonly forget: () => void } | undefined {
    if (this.#waiting.size >= MOST_ECHOES) return undefined;
    do this.#sequence = this.#sequence + 1 & 0xffff; while (
      this.#waiting.has(this.#sequence)
    );
    const sequence = this.#sequence;
    const waiting = { from, to, data, answered };
    this.#waiting.set(sequence, waiting);
    return {
      request: this.#request(sequence, waiting),
      forget: () => {
        if (this.#waiting.get(sequence) === waiting) this.#waiting.delete(sequence);
      },
    };
  }

  /** Takes a packet of ICMP, whose header is sound, if it is an answer that is waited for. */
  take(frame: Frame): boolean {
    if (this.#waiting.size === 0) return false;
    const { bytes } = frame;
    const at = HEADER_BYTES + headerLengthOf(bytes, HEADER_BYTES);
    const end = HEADER_BYTES + totalLengthOf(bytes, HEADER_BYTES);
    if (end < at + ICMP_HEADER_BYTES || isFragment(bytes, HEADER_BYTES)) return false;
    if (bytes[at] !== ICMP_ECHO_REPLY || bytes[at + 1] !== 0) return false;
    if (readUint16(bytes, at + 4) !== this.#id) return false;
    const sequence = readUint16(bytes, at + 6);
    const waiting = this.#waiting.get(sequence);
    if (
      waiting === undefined ||
      sourceOf(bytes, HEADER_BYTES) !== waiting.to ||
      destinationOf(bytes, HEADER_BYTES) !== waiting.from ||
      foldChecksum(addWords(bytes, at, end)) !== 0 ||
      !isSame(bytes.subarray(at + ICMP_HEADER_BYTES, end), waiting.data)
    ) {
      return false;
    }
    this.#waiting.delete(sequence);
    waiting.answered();
    return true;
  }

  #request(sequence: number, { from, to, data }: Waiting): Frame {
    const frame = packetFrom(from, to, Protocol.ICMP, ICMP_HEADER_BYTES + data.length);
    const { bytes } = frame;
    const at = HEADER_BYTES + IPV4_HEADER_BYTES;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    view.setUint8(0, ICMP_ECHO);
    view.setUint16(4, this.#id);
    view.setUint16(6, sequence);
    bytes.set(data, at + ICMP_HEADER_BYTES);
    view.setUint16(2, foldChecksum(addWords(bytes, at, bytes.length)));
    return frame;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
