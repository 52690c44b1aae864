/**
 * The control messages of a peer as they come: held within limits, decoded, and
 * dispatched.
 *
 * A peer may be broken or hostile. So messages are counted before they are read; messages
 * over the limit are dropped and reported. A message has at most 64 KiB, unless a call
 * expects a longer result.
 *
 * @module
 */

import {
  ControlError,
  type ControlEvent,
  type ControlMessage,
  decodeControl,
} from "../wire/control/control.ts";
import { Allowance, type AllowanceLimits } from "./budget.ts";
import type { Calls } from "./calls.ts";
import type { Clock } from "./clock.ts";

/** Bytes of the longest message, unless a call expects more. */
export const MOST_CONTROL_BYTES: number = 64 * 1024;

/**
 * Control messages of one agent, and their bytes. A proxy suggests a route for each
 * connection by name, some thousands a second at the most; an agent sends little else.
 */
const CONTROL_LIMITS: AllowanceLimits = {
  pieces: { perSecond: 8192, burst: 16_384 },
  bytes: { perSecond: 2 << 20, burst: 8 << 20 },
};

/** Characters of a message in error that are shown. */
const SHOWN = 100;

/** Options of an {@linkcode Inbox}. */
export interface InboxOptions {
  readonly clock: Clock;
  /** Where results go. */
  readonly calls: Calls;
  /** Bytes of the longest result that a call may ask for. */
  readonly longest: number;
  /** Takes an event. */
  event(event: ControlEvent): void;
  /** A message was dropped: over the limit, or an unsolicited result. */
  excess(bytes: number): void;
}

/** Takes the control messages of a link. */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #allowance: Allowance;

  constructor(options: InboxOptions) {
    this.#options = options;
    const { pieces, bytes: { perSecond, burst } } = CONTROL_LIMITS;
    const bytes = { perSecond, burst: burst + options.longest };
    this.#allowance = new Allowance({ pieces, bytes }, options.clock.now());
  }

  /**
   * Takes the payload of a control frame.
   *
   * @throws {ControlError} that shows the message, if malformed or too long.
   */
  take(payload: Uint8Array): void {
    const bytes = payload.length;
    if (!this.#allowance.admits(bytes, this.#options.clock.now())) {
      return this.#options.excess(bytes);
    }
    try {
      if (bytes > MOST_CONTROL_BYTES) this.#assertDue(bytes);
      this.#give(decodeControl(payload), bytes);
    } catch (cause) {
      if (!(cause instanceof ControlError)) throw cause;
      const text = new TextDecoder().decode(payload.subarray(0, SHOWN));
      const more = bytes > SHOWN ? "…" : "";
      throw new ControlError(`${cause.message}, in ${JSON.stringify(text)}${more}`, {
        cause,
      });
    }
  }

  #assertDue(bytes: number): void {
    const most = Math.max(MOST_CONTROL_BYTES, this.#options.calls.longestDue);
    if (bytes <= most) return;
    throw new ControlError(`A control message of ${bytes} bytes is longer than ${most}`);
  }

  /** A request comes from a newer agent, and is not for us. */
  #give(message: ControlMessage, bytes: number): void {
    const options = this.#options;
    if (message.type === "event") return options.event(message.body);
    if (message.type !== "result" || options.calls.settle(message.body)) return;
    options.excess(bytes);
  }
}
