/**
 * Flow: a routed connection, and lists of flows in the order of last use.
 *
 * @module
 */

import {
  destinationOf,
  destinationPortOf,
  headerLengthOf,
  readUint32,
  sourceOf,
  sourcePortOf,
} from "../wire/ip/ipv4.ts";

/** How long a flow may be silent in each phase, in milliseconds. */
export const SILENCE_MS = {
  /** Nothing came back yet. */
  opening: 60_000,
  /** In use. */
  open: 24 * 60 * 60_000,
  /** Both sides have sent FIN. */
  finished: 10_000,
} as const;

/** The phase of a flow, see `flows.ts`; refused flows are among the finished. */
export type FlowPhase = keyof typeof SILENCE_MS | "refused";

/** Which hosts a flow joins. */
export interface FlowBinding {
  /** Name of the host that opens the flow. */
  readonly initiator: string;
  /** Name of the host that the flow is bound to. */
  readonly via: string;
  /** Whether the initiator's agent suggested `via`, and not a range. Default false. */
  readonly isSuggested?: boolean;
  /** The names by which it suggested that. Default none. */
  readonly names?: readonly string[];
}

/** A routed connection; the table changes its fields as segments pass. */
export class Flow {
  /** Name of the host that opened the flow. */
  readonly initiator: string;
  /** Name of the host that the flow is bound to. */
  readonly via: string;
  /** Whether a suggestion led there, and not a range. */
  readonly isSuggested: boolean;
  /** The names by which it did, if any. */
  readonly names: readonly string[] | undefined;
  /** The initiator's address and port. */
  readonly address: number;
  readonly port: number;
  /** The foreign address and port. */
  readonly foreign: number;
  readonly foreignPort: number;
  /** The sequence number of its SYN. */
  readonly first: number;
  /** The present phase. */
  phase: FlowPhase = "opening";
  /** The next byte the initiator expects: its last acknowledgement number. */
  initiatorExpects = 0;
  /** The next byte the foreign side expects. */
  viaExpects: number;
  /** Which sides have sent FIN. */
  fins = 0;
  /** When its last segment passed. */
  seen = 0;
  /** The key of its chain, the next flow there, and its place in a list. */
  readonly hash: number;
  chained: Flow | undefined;
  list: FlowList | undefined;
  before: Flow | undefined;
  after: Flow | undefined;

  /** The flow that the SYN at `at` opens. */
  constructor(packet: Uint8Array, at: number, binding: FlowBinding & { hash: number }) {
    this.initiator = binding.initiator;
    this.via = binding.via;
    this.isSuggested = binding.isSuggested ?? false;
    this.names = binding.names;
    this.hash = binding.hash;
    this.address = sourceOf(packet, at);
    this.port = sourcePortOf(packet, at);
    this.foreign = destinationOf(packet, at);
    this.foreignPort = destinationPortOf(packet, at);
    this.first = sequenceOf(packet, at);
    this.viaExpects = (this.first + 1) >>> 0;
  }
}

/** Whether the SYN at `at`, of the five-tuple of `flow`, opened that flow. */
export function isRepeated(flow: Flow, packet: Uint8Array, at = 0): boolean {
  return (flow.phase === "opening" || flow.phase === "open") &&
    sequenceOf(packet, at) === flow.first;
}

/** Flows in the order of last use, linked through themselves. */
export class FlowList {
  /** The flow silent longest. */
  first: Flow | undefined;
  #last: Flow | undefined;

  /** Makes a flow of no list the youngest of this list. */
  push(flow: Flow): void {
    flow.list = this;
    flow.before = this.#last;
    flow.after = undefined;
    if (this.#last === undefined) this.first = flow;
    else this.#last.after = flow;
    this.#last = flow;
  }

  /** Takes out a flow of this list. */
  remove(flow: Flow): void {
    if (flow.before === undefined) this.first = flow.after;
    else flow.before.after = flow.after;
    if (flow.after === undefined) this.#last = flow.before;
    else flow.after.before = flow.before;
    flow.list = undefined;
  }
}

/** The sequence number of the segment at `at`. */
export function sequenceOf(packet: Uint8Array, at: number): number {
  return readUint32(packet, at + headerLengthOf(packet, at) + 4);
}

/** Its acknowledgement number. */
export function acknowledgementOf(packet: Uint8Array, at: number): number {
  return readUint32(packet, at + headerLengthOf(packet, at) + 8);
}
