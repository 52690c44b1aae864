/**
 * Delivery: gives a packet to its host, or acts by that host's presence; see
 * `members.ts`.
 *
 * @module
 */

import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { Unreachable } from "../wire/ip/icmp.ts";
import { isOpening, isSegment } from "../wire/ip/tcp.ts";
import { WaitingRoom } from "../link/queue/waiting.ts";
import type { RouteCounters } from "./counters.ts";
import { PLAIN_VOICE, type Voice } from "./forwarding.ts";
import type { Member, Presence } from "./members.ts";
import { refusalOf, resetOf, unreachableOf } from "./refusal.ts";

/** The fate of a packet. */
export type Decision = "deliver" | "wait" | "refuse" | "unreachable" | "drop";

/** Options of a {@linkcode Delivery}. */
export interface DeliveryOptions {
  /** Counted up as packets are delivered or not. */
  readonly counters: RouteCounters;
  /** Bytes that may wait for one host that is starting or away. */
  readonly waitingBytes: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** The decision for the packet at `at`, given the presence of its host, if any. */
export function decide(
  presence: Presence | undefined,
  packet: Uint8Array,
  at = 0,
): Decision {
  if (presence === "up") return "deliver";
  if (presence === "down") return "refuse";
  if (presence === undefined) return isOpening(packet, at) ? "unreachable" : "drop";
  if (presence === "away") return isOpening(packet, at) ? "wait" : "drop";
  return isOpening(packet, at) || !isSegment(packet, at) ? "wait" : "refuse";
}

/** Delivers packets, and the router's own answers. */
export class Delivery {
  readonly #counters: RouteCounters;
  readonly #waitingBytes: number;
  readonly #now: () => number;
  /** Says the router's own packets. */
  voice: Voice = PLAIN_VOICE;

  /** Counts into `counters`. */
  constructor({ counters, waitingBytes, now }: DeliveryOptions) {
    this.#counters = counters;
    this.#waitingBytes = waitingBytes;
    this.#now = now;
  }

  /** Sends a packet of `origin` to a host, or nowhere. */
  send(origin: Member, to: Member | undefined, frame: Frame): void {
    if (to?.outlet !== undefined) {
      to.outlet.push(frame, origin.sender);
      this.#counters.delivered++;
      return;
    }
    const packet = frame.bytes;
    const decision = decide(to?.presence, packet, HEADER_BYTES);
    if (decision === "refuse") return this.refuse(origin, frame);
    if (decision === "wait" && to !== undefined) return this.#wait(origin, to, frame);
    if (to?.presence === "away") {
      this.#counters.missed++;
      return;
    }
    this.#counters.unroutable++;
    if (decision === "unreachable") {
      // The reason first; the reset is for those who act on nothing else, as NoRouter does.
      this.say(origin, unreachableOf(packet, Unreachable.NETWORK, HEADER_BYTES));
      this.say(origin, resetOf(packet, HEADER_BYTES));
    }
  }

  /** Answers a packet of `origin` for a host that is not there. */
  refuse(origin: Member, frame: Frame): void {
    const packet = frame.bytes;
    this.#counters.refused++;
    // The opener of a connection learns that the host is down.
    if (isOpening(packet, HEADER_BYTES)) {
      this.say(origin, unreachableOf(packet, Unreachable.HOST, HEADER_BYTES));
    }
    this.say(origin, refusalOf(packet, HEADER_BYTES));
  }

  /** Answers a SYN of `origin` that the policy denies. */
  forbid(origin: Member, frame: Frame): void {
    const packet = frame.bytes;
    this.#counters.denied++;
    this.say(origin, unreachableOf(packet, Unreachable.FORBIDDEN, HEADER_BYTES));
    this.say(origin, resetOf(packet, HEADER_BYTES));
  }

  /** Sends the router's own packet to a host that is up, and charges that host. */
  say(to: Member | undefined, frame: Frame | undefined): void {
    if (frame !== undefined && to !== undefined) this.voice.say(to, frame);
  }

  #wait(origin: Member, to: Member, frame: Frame): void {
    to.waiting ??= new WaitingRoom(this.#waitingBytes, {
      counters: this.#counters,
      now: this.#now,
    });
    to.waiting.push(frame, origin.sender);
  }
}
