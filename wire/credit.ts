/**
 * Credits: how far a peer has taken what came over the link.
 *
 * | bytes | field | meaning                                                         |
 * | ----- | ----- | --------------------------------------------------------------- |
 * | 8     | taken | bytes taken of the link since it began, credits not counted     |
 * | 4     | every | the sender of this wants a credit each time so many were taken; |
 * |       |       | 0: at once, since it drains its direction of the link           |
 *
 * Everything is big-endian. Frames count whole, with their headers. An agent that knows
 * credits announces the feature `credit`; a manager that has seen it sends the first
 * credit, and from then on both send them. No peer that did not announce it gets one.
 *
 * @module
 */

import { encodeFrame, type Frame, FrameType, HEADER_BYTES } from "./frame.ts";

/** The feature of an agent that acknowledges what it takes of its link. */
export const CREDIT_FEATURE = "credit";

/** Bytes of a credit's payload. */
export const CREDIT_BYTES = 12;

/** Bytes of a whole frame that carries a credit. */
export const CREDIT_FRAME_BYTES: number = HEADER_BYTES + CREDIT_BYTES;

/** Largest value of `every`, in bytes. */
export const MOST_EVERY: number = 2 ** 32 - 1;

/** What a credit says. */
export interface Credit {
  /** Bytes that its sender took of the link since the link began, credits not counted. */
  readonly taken: number;
  /** Bytes after which its sender wants a credit itself; 0 means at once, it drains. */
  readonly every: number;
}

/** A credit that cannot be read; the message says why. */
export class CreditError extends Error {
  /** Tells this error from others. */
  override name = "CreditError";
}

/**
 * Puts a credit into a frame.
 *
 * @throws {RangeError} if a field is no whole number that fits.
 */
export function encodeCredit(credit: Credit): Frame {
  const payload = new Uint8Array(CREDIT_BYTES);
  writeCredit(payload, 0, credit);
  return encodeFrame(FrameType.CREDIT, payload);
}

/**
 * Writes a credit's payload into `into` at `at`, for those who build the frame in place.
 *
 * @throws {RangeError} if a field is no whole number that fits.
 */
export function writeCredit(
  into: Uint8Array,
  at: number,
  { taken, every }: Credit,
): void {
  if (!Number.isSafeInteger(taken) || taken < 0) {
    throw new RangeError(`Cannot give a credit for ${taken} bytes: not a safe count`);
  }
  if (!Number.isInteger(every) || every < 0 || every > MOST_EVERY) {
    throw new RangeError(
      `Cannot ask for a credit every ${every} bytes: not within 0 to ${MOST_EVERY}`,
    );
  }
  writeUint32(into, at, Math.floor(taken / 2 ** 32));
  writeUint32(into, at + 4, taken % 2 ** 32);
  writeUint32(into, at + 8, every);
}

/**
 * Reads the payload of a credit.
 *
 * @throws {CreditError} if the payload has another length, or counts more bytes than a
 * number holds exactly.
 */
export function decodeCredit(payload: Uint8Array): Credit {
  if (payload.length !== CREDIT_BYTES) {
    throw new CreditError(
      `Cannot read a credit of ${payload.length} bytes: wanted ${CREDIT_BYTES}`,
    );
  }
  const high = readUint32(payload, 0);
  const taken = high * 2 ** 32 + readUint32(payload, 4);
  if (!Number.isSafeInteger(taken)) {
    throw new CreditError(
      `Cannot read a credit for more than 2^53 - 1 bytes: its high half is ${high}`,
    );
  }
  return { taken, every: readUint32(payload, 8) };
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 |
    bytes[at + 3]!) >>> 0;
}
