/**
 * Frames: the unit of the NoRouter protocol.
 *
 * | bytes | field   | meaning                                        |
 * | ----- | ------- | ---------------------------------------------- |
 * | 1     | magic   | `0x42`                                         |
 * | 3     | length  | bytes after this field: 4 + payload            |
 * | 2     | type    | 1 = L3 (one IPv4 packet), 2 = JSON, 3 = credit |
 * | 2     | padding | sent as 0, ignored                             |
 * | n     | payload | at most 2^24 - 5 bytes                         |
 *
 * Everything is big-endian.
 *
 * @module
 */

import type { Lease } from "./lease.ts";

/** First byte of every frame. */
export const MAGIC = 0x42;

/** Bytes before the payload. */
export const HEADER_BYTES = 8;

/** Bytes of the header that the length field counts: type and padding; its least value. */
export const COUNTED_HEADER_BYTES = 4;

/** Largest payload a frame can carry, in bytes: 2^24 - 1 counted, less type and padding. */
export const MAX_PAYLOAD: number = 2 ** 24 - 1 - COUNTED_HEADER_BYTES;

/** Values of a frame's type field. Others may come from a newer peer; they decode too. */
export const FrameType = {
  /** The payload is an IPv4 packet, headers and all. */
  L3: 1,
  /** The payload is a control message, see `control/control.ts`. */
  JSON: 2,
  /** The payload acknowledges bytes of the link, see `credit.ts`; only between peers that know it. */
  CREDIT: 3,
} as const;

/**
 * A frame: header and payload together, as they go over a link, so that a router forwards
 * frames untouched.
 */
export class Frame {
  /** The whole frame. Not to be written to: other frames share its buffer. */
  readonly bytes: Uint8Array;
  /**
   * Present if the memory of `bytes` will be used again: then the frame is valid until
   * the pipeline asks for the next batch. Who needs the frame longer holds the lease, or
   * takes a copy with {@linkcode Frame.kept}.
   */
  readonly lease: Lease | undefined;
  /**
   * The result of a stage's look-up of the frame, for the later stages of the pipeline,
   * which alone know its meaning. Not sent over a link.
   */
  way: unknown = undefined;

  /** Wraps `bytes`, which must be exactly a well-formed frame; nothing is checked. */
  constructor(bytes: Uint8Array, lease?: Lease) {
    this.bytes = bytes;
    this.lease = lease;
  }

  /** The same frame in memory that stays: itself, or a copy if its memory is leased. */
  kept(): Frame {
    return this.lease === undefined ? this : new Frame(this.bytes.slice());
  }

  /** The type field, normally one of {@linkcode FrameType}. */
  get type(): number {
    return this.bytes[4]! << 8 | this.bytes[5]!;
  }

  /** A new view of the payload; hot paths read `bytes` from {@linkcode HEADER_BYTES} on. */
  get payload(): Uint8Array {
    return this.bytes.subarray(HEADER_BYTES);
  }
}

/**
 * Builds a frame around a copy of `payload`.
 *
 * @throws {RangeError} if the payload is longer than {@linkcode MAX_PAYLOAD}.
 */
export function encodeFrame(type: number, payload: Uint8Array): Frame {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(bytes, 0, type, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return new Frame(bytes);
}

/**
 * Writes the header of a frame of `payloadBytes` into `into` at `at`, for those who
 * build the payload in place behind it.
 *
 * @throws {RangeError} if the payload is longer than {@linkcode MAX_PAYLOAD}.
 */
export function writeHeader(
  into: Uint8Array,
  at: number,
  type: number,
  payloadBytes: number,
): void {
  if (payloadBytes > MAX_PAYLOAD) {
    throw new RangeError(
      `Cannot frame ${payloadBytes} bytes: a frame carries at most ${MAX_PAYLOAD}`,
    );
  }
  const length = payloadBytes + COUNTED_HEADER_BYTES;
  into[at] = MAGIC;
  into[at + 1] = length >>> 16;
  into[at + 2] = length >>> 8;
  into[at + 3] = length;
  into[at + 4] = type >>> 8;
  into[at + 5] = type;
  into[at + 6] = 0;
  into[at + 7] = 0;
}
