/**
 * The envelope of control messages: a request, its result, or an event, in a JSON frame.
 *
 * @module
 */

import * as v from "valibot";
import { encodeFrame, type Frame, FrameType } from "../frame.ts";
import { isDeeper } from "../json_depth.ts";
import { check, ControlError, type Schema } from "./check.ts";
import { object } from "./fields.ts";

/** Lists and objects within each other that a control message may have; ours have six. */
export const MOST_DEPTH = 32;

/** The content of a JSON frame: a request to an agent, its result, or an event. */
export type ControlMessage =
  | {
    /** Manager to agent. */
    type: "request";
    /** The question; its result repeats `id` and `op`. */
    body: ControlRequest;
  }
  | {
    /** Agent to manager. */
    type: "result";
    /** The answer. */
    body: ControlResult;
  }
  | {
    /** Either way, without an answer. */
    type: "event";
    /** The event. */
    body: ControlEvent;
  };

/** The body of a request. */
export type ControlRequest = {
  /** Tells the request from others that wait for their results. */
  id: number;
  /** `configure`, `extend`, `ping` or `status`. */
  op: string;
  /** The arguments of the operation. */
  args?: unknown;
};

/** The body of a result. */
export type ControlResult = {
  /** The `id` of the request. */
  request_id: number;
  /** The `op` of the request. */
  op: string;
  /** Why the operation failed; absent on success. */
  error?: unknown;
  /** The result of the operation. */
  data?: unknown;
};

/** The body of an event. */
export type ControlEvent = {
  /** `routeSuggestion`, `listeners` or `hostDown`. */
  type: string;
  /** The facts of the event. */
  data?: unknown;
};

const id = v.pipe(v.number(), v.safeInteger());

const MESSAGE: Schema<ControlMessage> = v.variant("type", [
  v.object({
    type: v.literal("request"),
    body: object({ id, op: v.string(), args: v.optional(v.unknown()) }),
  }),
  v.object({
    type: v.literal("result"),
    body: object({
      request_id: id,
      op: v.string(),
      error: v.optional(v.unknown()),
      data: v.optional(v.unknown()),
    }),
  }),
  v.object({
    type: v.literal("event"),
    body: object({ type: v.string(), data: v.optional(v.unknown()) }),
  }),
]);

/** Puts a message into a JSON frame. */
export function encodeControl(message: ControlMessage): Frame {
  return encodeFrame(FrameType.JSON, new TextEncoder().encode(JSON.stringify(message)));
}

/**
 * Reads the payload of a JSON frame. `args` and `data` are read by the reader of each
 * message.
 *
 * @throws {ControlError} if the payload is not JSON, too deep, or not a control message.
 */
export function decodeControl(payload: Uint8Array): ControlMessage {
  if (isDeeper(payload, MOST_DEPTH)) {
    throw new ControlError(
      `Cannot read a control message of ${payload.length} bytes: its lists and objects ` +
        `lie more than ${MOST_DEPTH} deep within each other`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (cause) {
    throw new ControlError(
      `Cannot read a control message of ${payload.length} bytes: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
  return check("a control message", MESSAGE, value);
}
