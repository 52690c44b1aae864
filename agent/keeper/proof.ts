/**
 * Proof: by its first frame a lent link shows that it is the manager's.
 *
 * That frame is the request `resume`, alone: the manager waits for the answer. Nothing is
 * believed of a link before, and nothing of a link that brings something else.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import {
  type ControlRequest,
  decodeControl,
  parseResumeArgs,
  type ResumeWish,
} from "../../wire/control/control.ts";
import {
  COUNTED_HEADER_BYTES,
  FrameType,
  HEADER_BYTES,
  MAGIC,
} from "../../wire/frame.ts";
import type { AgentPort } from "../link/port.ts";

/** Milliseconds for the request. */
export const PROOF_MS = 3000;
/** Bytes of its frame. */
export const MOST_PROOF_BYTES = 4096;

/** A request that is right, but for its epoch perhaps. */
export interface Proof {
  readonly request: ControlRequest;
  readonly epoch: number;
  /** Bytes of the link that were read. */
  readonly taken: number;
}

/**
 * Reads the request of a link that was lent to the keeper of `wish`. Rejects with a text
 * for people, which never shows the secret; the port is the caller's to close.
 */
export async function proofOf(
  port: AgentPort,
  wish: Pick<ResumeWish, "id" | "secret">,
): Promise<Proof> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`no request came within ${PROOF_MS / 1000} s`)),
    PROOF_MS,
  );
  try {
    return await Promise.race([read(port, wish), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function read(
  port: AgentPort,
  wish: Pick<ResumeWish, "id" | "secret">,
): Promise<Proof> {
  const bytes = new Uint8Array(MOST_PROOF_BYTES);
  for (let length = 0; length < bytes.length;) {
    const got = await port.read(bytes.subarray(length));
    if (got === null) throw new Error("the link ended before its request");
    length += got;
    const proof = proofIn(bytes.subarray(0, length), wish);
    if (proof) return proof;
  }
  throw new Error("the first frame is too long");
}

/**
 * The request in the bytes of a link so far, or undefined while it is unfinished.
 *
 * @throws {Error} what is wrong, without the secret.
 */
export function proofIn(
  bytes: Uint8Array,
  wish: Pick<ResumeWish, "id" | "secret">,
): Proof | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const counted = bytes[1]! << 16 | bytes[2]! << 8 | bytes[3]!;
  const type = bytes[4]! << 8 | bytes[5]!;
  if (bytes[0] !== MAGIC || counted < COUNTED_HEADER_BYTES || type !== FrameType.JSON) {
    throw new Error("the first bytes are no request");
  }
  const length = HEADER_BYTES - COUNTED_HEADER_BYTES + counted;
  if (length > MOST_PROOF_BYTES) throw new Error("the first frame is too long");
  if (bytes.length < length) return undefined;
  if (bytes.length > length) throw new Error("more than the request came");
  const message = decodeControl(bytes.subarray(HEADER_BYTES, length));
  if (message.type !== "request" || message.body.op !== "resume") {
    throw new Error("the first frame is no request to resume");
  }
  const { id, secret, epoch } = parseResumeArgs(message.body.args);
  if (id !== wish.id) throw new Error("the request is for another agent");
  if (!timingSafeEqual(Buffer.from(secret), Buffer.from(wish.secret))) {
    throw new Error("the secret is wrong");
  }
  return { request: message.body, epoch, taken: length };
}
