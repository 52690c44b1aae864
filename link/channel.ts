/**
 * A channel: one peer, over links that come and go.
 *
 * ## Theory of operation
 *
 * ```
 *  starting ── greeted ──► ready ── down ──► down ── adopt, greeted ──► ready …
 *      │                      │                ▲
 *      │                      └─ away ─► away ─┤ down
 *      │                           ▲       │   │
 *      ├────────── away ───────────┘       └───┼── adopt, greeted ──► ready …
 *      └────────── down ───────────────────────┘
 *
 *  close, from any state ──► closed
 * ```
 *
 * The channel stays while its links change. Whoever opens links gives them to `adopt`, in
 * sequence, and reports the peer's state:
 *
 * - *starting*: no link has brought the peer up yet, and none has failed.
 * - *ready*: the peer took its configuration (`greeted`).
 * - *away*: the link is gone and the peer is not (`away`): it stays for its next link.
 *   Queue and calls end with the link all the same, for what waited is stale by then.
 * - *down*: the peer is gone with its link (`down`). Queue and calls end with the link,
 *   and the next link leads to a new peer, with a queue of its own.
 * - *closed*: for good.
 *
 * `ready` does not end with the link by itself, because only who opens links knows
 * whether the peer is away or down.
 *
 * **Farewell.** A peer that may outlive its link (`mayStay`) takes the end of its input for
 * an accident unless `bye` came before. So every wanted end, by `close` or `dismiss`, says
 * so, behind all other control frames.
 *
 * **Frames out** go through the queue, see `queue.ts`. The router pushes packets into
 * `queue` itself; `push` is for control frames, and for whoever knows an `Outlet` only.
 *
 * **Frames in** are taken by `carry`, which hands control frames back. Those go through
 * `inbox.ts`: results to the calls, events to `event`.
 *
 * @module
 */

import { type ControlEvent, encodeControl } from "../wire/control/control.ts";
import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { AdoptedLink, type Carry, type Ending } from "./adopted.ts";
import { type CallLimits, Calls } from "./calls.ts";
import type { Clock } from "./clock.ts";
import { Inbox } from "./inbox.ts";
import type { Link, LinkExit } from "./link.ts";
import type { Outlet } from "./outlet.ts";
import { LinkQueue } from "./queue/queue.ts";
import type { PathEstimate, WindowStatus } from "./window/window.ts";

/** Milliseconds for the answer to a ping, after which it is of no interest. */
const PING_LIMIT = 15_000;

/**
 * Milliseconds that a link to a peer that outlives it has for a sign of life behind a jump
 * of the clock.
 */
const WAKE_LIMIT = 3000;

/** Longest IPv4 packet, in bytes (RFC 791, 3.1). */
const MOST_PACKET_BYTES = 65_535;

/** The state of a peer. */
export type ChannelState = "starting" | "ready" | "away" | "down" | "closed";

/** Options of a {@linkcode Channel}. */
export interface ChannelOptions {
  readonly clock: Clock;
  /**
   * Bytes of the longest control message that a call may ask for. Read for each link, and
   * by {@linkcode Channel.stretch}.
   */
  readonly longest: number;
  /** Takes the batches of each link. */
  readonly carry: Carry;
  /** The peer sent an event. A `ControlError` thrown here ends the link. */
  event(event: ControlEvent): void;
  /** A control message was dropped: over the limit, or an unsolicited result. */
  excess(bytes: number): void;
}

/** Events of a link that {@linkcode Channel.adopt} reports. */
export interface LinkHooks {
  /** Text came before the first frame. */
  banner(text: string): void;
  /** The link is over, and why; its streams take a moment to end. */
  over(ending: Ending): void;
}

/** What the peer can, as it said. */
export interface Greeted {
  /** It answers pings. */
  readonly canPing: boolean;
  /** It acknowledges what it takes of the link, see `window/credits.ts`. */
  readonly canCredit?: boolean;
  /** It outlives its link. */
  readonly stays?: boolean;
}

/** What went over the links of a channel. */
export interface Traffic {
  /** Bytes of the frames that came, without those of type CREDIT. */
  readonly receivedBytes: number;
  /** Frames taken for a write. */
  readonly sentFrames: number;
  /** Bytes that the links have accepted. */
  readonly sentBytes: number;
  /** Frames that were to be sent and were dropped: too many waited, or the link ended. */
  readonly droppedFrames: number;
  /** Their bytes. */
  readonly droppedBytes: number;
}

/** The way to one peer, see the theory of operation above. */
export class Channel implements Outlet {
  readonly #options: ChannelOptions;
  readonly #calls: Calls;
  #state: ChannelState = "starting";
  #link: AdoptedLink | undefined;
  #queue: LinkQueue | undefined;
  /** What went over the links before the present one. */
  #before: Traffic = {
    receivedBytes: 0,
    sentFrames: 0,
    sentBytes: 0,
    droppedFrames: 0,
    droppedBytes: 0,
  };
  /** What the last link learned of its path. */
  #path: PathEstimate | undefined;
  /** Whether the peer at the present link may outlive the link. */
  #mayStay = false;
  #heardAt: number | undefined;

  /** Makes a channel without a link. */
  constructor(options: ChannelOptions) {
    this.#options = options;
    const { clock } = options;
    this.#calls = new Calls({ send: (frame) => this.push(frame), clock });
  }

  /** The state of the peer. */
  get state(): ChannelState {
    return this.#state;
  }

  /** The queue to the peer, open to pushes; absent before the first link. */
  get queue(): LinkQueue | undefined {
    return this.#queue;
  }

  /** The window of the present link, if its peer acknowledges. */
  get window(): WindowStatus | undefined {
    return this.#link?.window;
  }

  /** What went over all its links so far. */
  get traffic(): Traffic {
    const link = this.#link;
    return link ? added(this.#before, link, this.#queue!) : this.#before;
  }

  /** The fault in the input of the present link, see {@linkcode AdoptedLink.fault}. */
  get fault(): string | undefined {
    return this.#link?.fault;
  }

  /**
   * When input came last over the present or the last link, in milliseconds of the clock;
   * undefined if nobody asked its peer for signs of life.
   */
  get heardAt(): number | undefined {
    return this.#link?.heardAt ?? this.#heardAt;
  }

  /**
   * Puts a frame into the queue; false if there is no queue, or the queue refuses the
   * frame.
   */
  push(frame: Frame): boolean {
    return this.#queue?.push(frame) ?? false;
  }

  /**
   * Asks the peer, see {@linkcode Calls.call}. Rejects also without a link, and at its
   * end.
   */
  async call<T = unknown>(
    op: string,
    args?: unknown,
    limits?: CallLimits<T>,
  ): Promise<T> {
    if (this.#link?.isOver ?? true) throw new Error(`Cannot ask "${op}": no link is up`);
    return await this.#calls.call(op, args, limits);
  }

  /**
   * Carries frames over a link until the link is over: on its own, by
   * {@linkcode Channel.end} or {@linkcode Channel.close}. Settles when nothing of the
   * link is left, with its exit, or undefined if the exit is not known.
   *
   * @throws {Error} if a link before it has not ended.
   */
  async adopt(link: Link, hooks: LinkHooks): Promise<LinkExit | undefined> {
    if (this.#link) throw new Error("A channel has one link at a time");
    const { clock, longest, carry } = this.#options;
    const frameLimit = frameLimitOf(longest);
    // Chosen anew, so that nobody can choose flows that collide.
    const seed = Math.trunc(clock.random() * 2 ** 32);
    const queue = new LinkQueue({ seed, now: () => clock.now() });
    const inbox = new Inbox({
      clock,
      longest,
      calls: this.#calls,
      event: (event) => this.#options.event(event),
      excess: (bytes) => this.#options.excess(bytes),
    });
    this.#queue = queue;
    this.#mayStay = false;
    this.#heardAt = undefined;
    const adopted = this.#link = new AdoptedLink(link, {
      clock,
      queue,
      path: this.#path,
      frameLimit,
      carry,
      control: (payload) => inbox.take(payload),
      banner: (text) => hooks.banner(text),
      over: (ending) => {
        this.#calls.end("the link ended");
        hooks.over(ending);
      },
    });
    const exit = await adopted.ended;
    this.#before = added(this.#before, adopted, queue);
    this.#path = adopted.path ?? this.#path;
    this.#heardAt = adopted.heardAt;
    this.#link = undefined;
    return exit;
  }

  /**
   * The peer took its configuration. If it answers pings, they ask for signs of life from
   * now on; if it acknowledges what it takes, so does this end.
   */
  greeted({ canPing, canCredit = false, stays = false }: Greeted): void {
    if (this.#state === "closed") return;
    this.#state = "ready";
    this.#mayStay = stays;
    if (canCredit) this.#link?.giveCredit();
    if (!canPing) return;
    const afterJump = stays ? WAKE_LIMIT : undefined;
    this.#link?.watchOver(() => this.#ping(), { afterJump });
  }

  /** `longest` may be greater by now, see {@linkcode ChannelOptions}: the peer has other orders. */
  stretch(): void {
    this.#link?.allow(frameLimitOf(this.#options.longest));
  }

  /** The peer at the present link may have been told to outlive the link, by now. */
  mayStay(): void {
    this.#mayStay = true;
  }

  /** The link is gone, and its peer stays for the next. */
  away(): void {
    if (this.#state !== "closed") this.#state = "away";
  }

  /** The peer is gone, until a further link brings a new peer. */
  down(): void {
    if (this.#state !== "closed") this.#state = "down";
  }

  /** Ends the present link, if any, by force. */
  end(reason: string): void {
    this.#link?.end({ reason });
  }

  /**
   * Ends the peer at the present link, if any: by the end of its input, then the link by
   * force.
   */
  dismiss(reason: string): void {
    if (this.#mayStay && this.#link?.isOver === false) {
      this.push(encodeControl({ type: "event", body: { type: "bye" } }));
    }
    this.#link?.end({ reason, isOrderly: true });
  }

  /** Ends the channel for good, and its peer as {@linkcode Channel.dismiss} does. */
  close(reason: string): void {
    this.#state = "closed";
    this.dismiss(reason);
  }

  /** The answer itself does not matter: any input is a sign of life. */
  #ping(): void {
    this.call("ping", undefined, { ms: PING_LIMIT }).catch(() => {});
  }
}

function added(before: Traffic, link: AdoptedLink, { counters }: LinkQueue): Traffic {
  return {
    receivedBytes: before.receivedBytes + link.receivedBytes,
    sentFrames: before.sentFrames + counters.taken,
    sentBytes: before.sentBytes + counters.writtenBytes,
    droppedFrames: before.droppedFrames + counters.dropped,
    droppedBytes: before.droppedBytes + counters.droppedBytes,
  };
}

/** Bytes of the longest frame, header included, where a message may have `longest`. */
function frameLimitOf(longest: number): number {
  return HEADER_BYTES + Math.max(MOST_PACKET_BYTES, longest);
}
