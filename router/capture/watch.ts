/**
 * Watch: looks on at the end of every pipeline, and tells each packet with its fate.
 *
 * It stands around the end as an outlet stands around an outlet, and only while somebody
 * looks ({@linkcode Watching}). The fate of a packet is read off the counters of the
 * router, since a packet counts while it is forwarded. Answers of the router come while the
 * packet that they answer is forwarded, and are told behind it.
 *
 * A packet that waited is told once, when it came.
 *
 * @module
 */

import { type Frame, HEADER_BYTES } from "../../wire/frame.ts";
import { destinationOf } from "../../wire/ip/ipv4.ts";
import { isOpening, isSegment } from "../../wire/ip/tcp.ts";
import { Flow } from "../flow.ts";
import type { Around, Watchable, WatchedEnd } from "../forwarding.ts";
import { Member } from "../members.ts";
import type { Denial } from "../policy/gate.ts";

/**
 * What became of a packet: given to its host (`delivered`), put among the waiting
 * (`waits`), or not delivered since its host is down (`refused`) or away (`missed`), since
 * it leads nowhere (`unroutable`), since the policy forbids its connection (`denied`, or
 * `pursued` for one that was open), or since its sender may not send it (`forged`).
 */
export type Fate =
  | "delivered"
  | "waits"
  | "refused"
  | "missed"
  | "unroutable"
  | "denied"
  | "pursued"
  | "forged";

/** A packet on its way through the router. */
export interface Passage {
  /** The host that it came from; undefined for the router itself. */
  readonly from: Member | undefined;
  /** The host that it is for; undefined if there is none. */
  readonly to: Member | undefined;
  readonly fate: Fate;
  /** Where the rule stands that denied it, `mesh.yaml:12:5`. */
  readonly rule?: string | undefined;
}

/** Looks on. The bytes of a frame are there during the call only. */
export interface Onlooker {
  see(frame: Frame, passage: Passage): void;
}

/** Those who look on at a router, which has no watch while there are none. */
export class Watching {
  readonly #watch: (around: Around | undefined) => void;
  #onlookers: readonly Onlooker[] = [];

  /** Looks on at the router whose `watch` this is, as nobody else may. */
  constructor(watch: (around: Around | undefined) => void) {
    this.#watch = watch;
  }

  /** How many look on. */
  get size(): number {
    return this.#onlookers.length;
  }

  /** Has an onlooker see all packets from now on. */
  add(onlooker: Onlooker): void {
    this.#set([...this.#onlookers, onlooker]);
  }

  /** The onlooker sees no more packets. */
  remove(onlooker: Onlooker): void {
    this.#set(this.#onlookers.filter((each) => each !== onlooker));
  }

  #set(onlookers: readonly Onlooker[]): void {
    this.#onlookers = onlookers;
    this.#watch(
      onlookers.length > 0 ? (around) => new Watch(around, onlookers) : undefined,
    );
  }
}

/** Stands around the end of pipelines. */
class Watch implements WatchedEnd {
  readonly #around: Watchable;
  readonly #onlookers: readonly Onlooker[];
  /** Packets that the router says while it forwards one; undefined if it does not. */
  #said: { readonly to: Member; readonly frame: Frame }[] | undefined;

  #rule: string | undefined;

  constructor(around: Watchable, onlookers: readonly Onlooker[]) {
    this.#around = around;
    this.#onlookers = onlookers;
  }

  forward(origin: Member, frame: Frame, way: unknown): void {
    const { end, counters } = this.#around;
    const isNew = isOpening(frame.bytes, HEADER_BYTES);
    // A flow is there behind its SYN, and may be gone behind its end.
    let to = isNew ? undefined : this.#targetOf(origin, frame, way);
    const { delivered, waited, refused, denied, missed, unroutable } = counters;
    this.#said = [];
    this.#rule = undefined;
    end.forward(origin, frame, way);
    if (isNew) to = this.#targetOf(origin, frame, way);
    const fate = counters.delivered !== delivered
      ? "delivered"
      : counters.waited !== waited
      ? "waits"
      : counters.refused !== refused
      ? "refused"
      : counters.denied !== denied
      ? "denied"
      : counters.missed !== missed
      ? "missed"
      : counters.unroutable !== unroutable
      ? "unroutable"
      : "pursued";
    this.#tell(frame, { from: origin, to, fate, rule: this.#rule });
  }

  disown(origin: Member, frame: Frame): void {
    this.#said = [];
    this.#around.end.disown(origin, frame);
    this.#tell(frame, { from: origin, to: undefined, fate: "forged" });
  }

  denied({ rule }: Denial): void {
    this.#rule = rule;
  }

  say(to: Member, frame: Frame): void {
    if (to.outlet === undefined) return;
    this.#around.voice.say(to, frame);
    if (this.#said) this.#said.push({ to, frame });
    else this.#see(frame, { from: undefined, to, fate: "delivered" });
  }

  #tell(frame: Frame, passage: Passage): void {
    const said = this.#said!;
    this.#said = undefined;
    this.#see(frame, passage);
    for (const { to, frame } of said) {
      this.#see(frame, { from: undefined, to, fate: "delivered" });
    }
  }

  #see(frame: Frame, passage: Passage): void {
    for (const onlooker of this.#onlookers) onlooker.see(frame, passage);
  }

  #targetOf(origin: Member, { bytes }: Frame, way: unknown): Member | undefined {
    const { members, flows, table } = this.#around;
    if (way instanceof Member) return way;
    if (way instanceof Flow) return members.named(way.initiator);
    const flow = isSegment(bytes, HEADER_BYTES)
      ? flows.outbound(bytes, HEADER_BYTES)
      : undefined;
    const via = flow?.via ??
      table.lookup(origin.name, destinationOf(bytes, HEADER_BYTES));
    return via === undefined ? undefined : members.named(via);
  }
}
