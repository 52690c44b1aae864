/**
 * The send window of one direction of a link: how much may be under way, so that the path
 * is full and nothing waits behind the queue that sends the urgent first.
 *
 * A byte given to a link waits in pipes, in windows of ssh and in sockets, megabytes of
 * them, and nothing can overtake there. So the receiver acknowledges what it takes, and
 * the sender keeps under way
 *
 * ```
 * window = rate × (base + target)
 * ```
 *
 * - `rate`: the best of the last seconds (`rate.ts`).
 * - `base`: the round trip without a queue, found by draining for a round or two each
 *   second under load, together with the other direction (`base.ts`, `drain.ts`).
 * - `target`: the queue that is kept so that the path never runs dry, 5 ms or a quarter of
 *   the base. It grows with the rate beyond 200 Mbit/s: there, milliseconds are those of
 *   processes that wait for a processor, and a window must bridge them.
 *
 * What the sender does:
 *
 * - **Start**: from 32 KiB the window grows by what is taken, so that it doubles each
 *   round, until the round trip or a rate that stays says that the path is full.
 * - **Probe**: in two of ten intervals the window is a quarter larger, and while that
 *   makes the link faster, a half. Where both directions are full, that is what brings back
 *   the one whose acknowledgements wait longest.
 * - **Push**: where the path idles though the window is in the way, the window grows as
 *   long as that helps (`push.ts`).
 * - **Compete**: while others queue on the same line, two and a half times what is
 *   taken in the round trip behind their queue is under way. The path's own congestion control, TCP's of ssh
 *   for instance, then gets its share, because it is never short of bytes.
 *
 * Nothing here waits or measures time: `now` is an argument, in ms of any clock. A clock
 * that goes back stands still instead; one that jumps ahead makes an interval slow, and
 * slow intervals count little. A window always lets at least one write be under way, so
 * that there is always something to be acknowledged. The peer is not believed: a total
 * beyond what was sent changes nothing.
 *
 * @module
 */

import { HEADER_BYTES } from "../../wire/frame.ts";
import { Base } from "./base.ts";
import { Drain } from "./drain.ts";
import { Push } from "./push.ts";
import { Rate } from "./rate.ts";
import { RoundTrips } from "./round_trips.ts";
import { UnderWay } from "./under_way.ts";

/** Bytes under way at first, while nothing is known. */
const FIRST_WINDOW = 32 * 1024;
/** Least and largest window, in bytes. */
const LEAST_WINDOW = 4096;
const MOST_WINDOW = 64 * 1024 * 1024;
/** Queue that is kept, in ms, at least. */
const TARGET_MS = 5;
/** Queue that is kept, as a share of the base round trip. */
const TARGET_SHARE = 0.25;
/** Beyond this rate, in bytes per ms, the queue that is kept grows with the rate. */
const FAST = 25_000;
/**
 * Beyond this rate, in bytes per ms, bytes wait for processors rather than for the path,
 * and each credit takes some of their time: few are wanted.
 */
const VERY_FAST = 100_000;
/** Drains begin at least so many ms after each other, and so many base round trips. */
const DRAIN_EVERY_MS = 1000;
const DRAIN_EVERY_BASES = 30;
/** Time between drains on the fastest links, in ms: their base matters little. */
const MOST_DRAIN_EVERY_MS = 5000;
/** Under way during a drain: this share of what the base round trip holds. */
const DRAIN_SHARE = 0.75;
/** Where the other direction drains too, a drain holds so many ms, to meet the other. */
const HOLD_MS = 8;
/** Two of ten intervals are probes. */
const PROBE_OF = 10;
const PROBES = 2;
const PROBE_GAIN = 1.25;
const RISE_GAIN = 1.5;
/** A queue of more targets than this is not our own, even if both directions are full. */
const OWN_QUEUES = 3;
/** After so many intervals behind such a queue a drain is due, to tell whose it is. */
const LONG_INTERVALS = 3;
/**
 * Where most round trips are shorter than this share of the time that a window takes, there is no
 * queue, and the path idles for want of bytes.
 */
const QUICK = 0.5;
/** Long round trips behind a window of so many bytes have another cause, if drains are short. */
const SMALL_WINDOW = 64 * 1024;
/** Beside others: so many times what a round trip behind their queue delivers. */
const COMPETING_GAIN = 2.5;
/** Largest and least frame, in bytes, headers included: no packet is cut on a fast link. */
const MOST_FRAME = 65_535 + HEADER_BYTES;
const LEAST_FRAME = 1400;
/**
 * On slow lines the headers of small frames cost more than the delay of larger frames: there
 * a frame takes at least so many ms, up to so many bytes.
 */
const LEAST_FRAME_MS = 3;
const SMALL_FRAME = 2048;
/** A frame takes at most so many ms on the path. */
const FRAME_MS = 2;
/** Credits are wanted for at least so many ms of bytes, and for at most so many bytes. */
const EVERY_MS = 1.5;
const MOST_EVERY = 4 * 1024 * 1024;

/** What a window has learned of a path, for the next link over the same path. */
export interface PathEstimate {
  /** Bytes per ms; 0 if not known. */
  readonly rate: number;
  /** Round trip without a queue, in ms; Infinity if not known. */
  readonly base: number;
}

/** What a window shows of itself. */
export interface WindowStatus {
  /** Bytes that may be under way. */
  readonly window: number;
  /** Bytes that are under way: given to the link and not acknowledged. */
  readonly underWay: number;
  /** Bytes per second that the path takes; 0 while unknown. */
  readonly rate: number;
  /** Round trip without a queue, in ms; absent while unknown. */
  readonly base?: number;
  /** The last round trip, in ms; absent before the first. */
  readonly roundTrip?: number;
  /** Drains so far. */
  readonly drains: number;
  /** Acknowledgements of more than was sent. */
  readonly faults: number;
  /** What the window does at present. */
  readonly mode: "starting" | "steady" | "draining" | "competing";
}

/** Decides how much a sender may have under way. Made when the first credit comes. */
export class SendWindow {
  readonly #underWay = new UnderWay();
  readonly #rate: Rate;
  readonly #base: Base;
  readonly #drain: Drain;
  readonly #push = new Push();
  #sent = 0;
  #taken = 0;
  /** When the peer last took something, or was first given something since, in ms. */
  #tookAt = 0;
  #window = FIRST_WINDOW;
  /** What may be under way now: the window, more in a probe, less in a drain. */
  #allowed = FIRST_WINDOW;
  #gain = 1;
  #intervals = 0;
  #isStarting = true;
  /** Intervals at the start that were hardly faster than those before. */
  #plateaus = 0;
  #isLimited = false;
  /** Whether nothing waited after the last write. */
  #isIdle = true;
  /** Whether the base comes from the start: the first drain is down to a frame. */
  #isDoubtful = true;
  /** Until when the other direction counts as one that drains too, in ms. */
  #peerDrainsUntil = 0;
  /** Intervals, one after the other, whose round trips were all too long. */
  #long = 0;
  /** Whether the next drain is to tell if that is for the queue of others. */
  #isSuspicious = false;
  #roundTrip = NaN;
  /** The least of this interval. */
  #leastRoundTrip = Infinity;
  /** The round trips of this interval. */
  readonly #roundTrips = new RoundTrips();
  /** Whether a drain was in this interval. */
  #hasDrained = false;
  #faults = 0;
  #frameBytes = FIRST_WINDOW / 4;
  /** Time that passed by a clock that never goes back, and the last `now`, in ms. */
  #time = 0;
  #now: number;

  /** A window at the start of a link, at `now`; `path` is what the last link learned. */
  constructor(now: number, path: PathEstimate = { rate: 0, base: Infinity }) {
    this.#now = now;
    this.#rate = new Rate(path.rate);
    this.#base = new Base(path.base);
    this.#drain = new Drain(0);
    if (path.rate > 0 && path.base < Infinity) {
      this.#isStarting = false;
      this.#resize();
      this.#allow();
    }
  }

  /** Bytes that may still be given to the link; none if zero or less. */
  get room(): number {
    const room = this.#allowed - (this.#sent - this.#taken);
    // A base is measured by single frames, not by a batch that queues behind itself.
    const isMeasuring = this.#drain.isOn || this.#base.ms === Infinity;
    return isMeasuring && room > this.#frameBytes ? this.#frameBytes : room;
  }

  /** The window in bytes, without the ups and downs of probes and drains. */
  get bytes(): number {
    return this.#window;
  }

  /** Largest frame to send at present, header included, in bytes: 1400 to 65 543. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  /** What to ask of the peer: a credit after so many bytes; 0 during a drain. */
  get everyBytes(): number {
    if (this.#drain.isOn) return 0;
    if (this.isVeryFast) return Math.floor(Math.min(this.#window / 4, MOST_EVERY));
    const wanted = Math.max(this.#window / 8, this.#rate.best * EVERY_MS);
    return Math.floor(Math.min(wanted, this.#window / 4, MOST_EVERY));
  }

  /** Milliseconds since the peer last took something, while there is no room; else 0. */
  stuckFor(now: number): number {
    return this.room > 0 ? 0 : this.#at(now) - this.#tookAt;
  }

  /** Whether credits cost more than they tell: beyond 800 Mbit/s. */
  get isVeryFast(): boolean {
    return this.#rate.best > VERY_FAST;
  }

  /** What was learned of the path. */
  get path(): PathEstimate {
    return { rate: this.#rate.best, base: this.#base.ms };
  }

  /**
   * `bytes` were given to the link before it had a window: nobody knows when, so they are
   * under way and no measure of the path. To be called before the first `sent`.
   */
  began(bytes: number): void {
    this.#sent = bytes;
    this.#underWay.beginAt(bytes);
  }

  /** `bytes` were given to the link, credits not counted; `isMoreWaiting`: and more waits. */
  sent(bytes: number, now: number, isMoreWaiting: boolean): void {
    const time = this.#at(now);
    // The link idled: an interval begins.
    if (this.#isIdle && this.#sent === this.#taken) this.#rate.restart(this.#taken, time);
    this.#isIdle = !isMoreWaiting;
    if (this.#sent === this.#taken) this.#tookAt = time;
    this.#sent += bytes;
    this.#underWay.push(this.#sent, time);
    if (!isMoreWaiting) this.#rate.ranEmpty();
  }

  /** Somebody had bytes to send, and there was no room. */
  blocked(): void {
    this.#isLimited = true;
    this.#rate.blocked();
  }

  /**
   * The peer has taken `total` bytes since the link began. False if that is more than was
   * sent, which is a fault of the peer and changes nothing.
   */
  taken(total: number, now: number): boolean {
    if (total > this.#sent) {
      this.#faults++;
      return false;
    }
    if (!(total > this.#taken)) return true;
    const time = this.#at(now);
    if (this.#isStarting && this.#isLimited && !this.#isQueueing) {
      this.#window = Math.min(MOST_WINDOW, this.#window + total - this.#taken);
      this.#isLimited = false;
    }
    this.#taken = total;
    this.#tookAt = time;
    if (this.#underWay.take(total)) this.#sample(time);
    this.#drain.fell(this.#sent - total, this.#drainBytes, this.#sent, time);
    const isQueued = this.#leastRoundTrip < Infinity &&
      this.#leastRoundTrip > this.#mostOwn;
    if (this.#rate.taken(total, time, this.#roundTrip, isQueued)) {
      this.#interval(time);
      if (this.#isIdle) this.#rate.ranEmpty(); // from the begin of the next interval
    }
    if (this.#isIdle && total === this.#sent) this.#rest(time);
    else if (!this.#drain.isOn && this.#isDrainDue(time)) this.#beginDrain(time);
    this.#allow();
    return true;
  }

  /** The peer drains, which tells more if this direction does too. */
  drainAlong(now: number): void {
    const time = this.#at(now);
    this.#peerDrainsUntil = time + 2 * this.#drainEvery;
    if (this.#drain.isOn || !this.#isLimited) return;
    if (time - this.#drain.endedAt < this.#drainEvery / 2) return;
    this.#beginDrain(time);
    this.#allow();
  }

  /** The window as it is now. */
  status(): WindowStatus {
    return {
      window: Math.floor(this.#window),
      underWay: this.#sent - this.#taken,
      rate: Math.round(this.#rate.best * 1000),
      ...(this.#base.ms < Infinity && { base: this.#base.ms }),
      ...(!Number.isNaN(this.#roundTrip) && { roundTrip: this.#roundTrip }),
      drains: this.#drain.count,
      faults: this.#faults,
      mode: this.#drain.isOn
        ? "draining"
        : this.#isStarting
        ? "starting"
        : this.#base.isContended
        ? "competing"
        : "steady",
    };
  }

  /** Whether the last round trip shows a queue of more than the target. */
  get #isQueueing(): boolean {
    return this.#roundTrip > this.#unqueued;
  }

  /** Round trips up to this, in ms, show no more than the queue that is wanted. */
  get #unqueued(): number {
    return this.#base.ms * (1 + TARGET_SHARE) + TARGET_MS;
  }

  /** Bytes that a drain lets be under way. */
  get #drainBytes(): number {
    const base = this.#isDoubtful ? 0 : this.#base.ms;
    return Math.max(LEAST_FRAME, this.#rate.best * base * DRAIN_SHARE);
  }

  get #target(): number {
    const least = TARGET_MS * Math.max(1, this.#rate.best / FAST);
    return Math.max(least, this.#base.ms * TARGET_SHARE);
  }

  /** Round trips beyond this, in ms, are not for a queue of our own if the window is right. */
  get #mostOwn(): number {
    return this.#base.ms * (1 + TARGET_SHARE) + OWN_QUEUES * this.#target;
  }

  get #drainEvery(): number {
    const slowness = Math.max(1, this.#rate.best / FAST);
    const least = this.#base.isContended ? 2 * DRAIN_EVERY_MS : DRAIN_EVERY_MS;
    const every = Math.max(least, this.#base.ms * DRAIN_EVERY_BASES);
    return Math.max(every, Math.min(MOST_DRAIN_EVERY_MS, DRAIN_EVERY_MS * slowness));
  }

  #isDrainDue(time: number): boolean {
    if (!this.#isLimited || this.#isStarting || this.#push.isOn) return false;
    return this.#isDoubtful || time - this.#drain.endedAt >= this.#drainEvery;
  }

  #beginDrain(time: number): void {
    this.#hasDrained = true;
    this.#drain.begin(time < this.#peerDrainsUntil ? HOLD_MS : 0);
    const underWay = this.#sent - this.#taken;
    this.#drain.fell(underWay, this.#drainBytes, this.#sent, time);
    // Tokens that gather while the path idles are spent in the same interval.
    this.#rate.restart(this.#taken, time);
  }

  /** Nothing waits and nothing is under way: what a drain would tell is not of interest. */
  #rest(time: number): void {
    this.#isLimited = false;
    this.#drain.abandon(time);
  }

  /** A write was wholly taken. */
  #sample(time: number): void {
    const { bytes, begin } = this.#underWay;
    const roundTrip = time - this.#underWay.time;
    this.#roundTrip = roundTrip;
    if (roundTrip < this.#leastRoundTrip) this.#leastRoundTrip = roundTrip;
    this.#roundTrips.take(roundTrip);
    if (this.#isStarting && this.#isQueueing) this.#endStart();
    this.#base.seen(roundTrip);
    // Less the time that the frame itself took on the line: no more than frames are fitted
    // to, as a rate that the window itself keeps down tells nothing of the line.
    const ownMs = Math.min(FRAME_MS, bytes / this.#rate.best);
    const least = Math.max(roundTrip / 4, roundTrip - ownMs);
    if (this.#drain.taken(begin, least, this.#sent, time)) {
      this.#read(this.#drain.least, time);
    }
  }

  /** A drain ended with a reading. */
  #read(ms: number, time: number): void {
    this.#isDoubtful = false;
    const isOthers = this.#isSuspicious && ms > this.#mostOwn;
    // A small window is no cause of long round trips, unless the line is very slow.
    if (this.#isSuspicious && !isOthers && this.#window <= SMALL_WINDOW) {
      this.#push.sign("drain", this.#window, time);
    }
    this.#isSuspicious = false;
    this.#long = 0;
    this.#base.read(ms);
    if (isOthers) this.#base.contend(ms);
    this.#isLimited = false;
    this.#resize();
  }

  /** An interval of the rate ended. */
  #interval(time: number): void {
    const { isRising, wasLimited, hasFallen, last, best } = this.#rate;
    const least = this.#leastRoundTrip;
    this.#leastRoundTrip = Infinity;
    const isSteady = !this.#isStarting && !this.#base.isContended;
    if (isSteady && wasLimited && least < Infinity) {
      this.#long = least > this.#mostOwn ? this.#long + 1 : 0;
      if (this.#long === LONG_INTERVALS) this.#isSuspicious = this.#isDoubtful = true;
    }
    if (wasLimited && this.#isIdling(last)) this.#push.sign("idle", this.#window, time);
    if (hasFallen) this.#push.fell(best, time);
    else this.#push.rose(last, this.#window, time);
    this.#roundTrips.clear();
    this.#hasDrained = false;
    this.#push.interval(last, wasLimited, time);
    if (this.#isStarting) {
      this.#plateaus = wasLimited && !isRising ? this.#plateaus + 1 : 0;
      if (this.#plateaus >= 2) this.#endStart();
    } else if (isRising) this.#gain = RISE_GAIN;
    else if (!wasLimited) this.#gain = 1;
    else this.#gain = this.#intervals++ % PROBE_OF < PROBES ? PROBE_GAIN : 1;
    if (this.#rate.best > 0) this.#resize();
  }

  /** Whether most round trips of the interval that ended were far shorter than a window took. */
  #isIdling(rate: number): boolean {
    if (this.#isStarting || this.#hasDrained) return false;
    const most = Math.min(QUICK * this.#window / rate, this.#unqueued);
    return this.#roundTrips.areMostlyBelow(most);
  }

  #endStart(): void {
    if (this.#rate.best === 0) return;
    this.#isStarting = false;
    this.#resize();
  }

  #resize(): void {
    const rate = this.#rate.best;
    if (!this.#isStarting) {
      const base = this.#base;
      const wanted = base.isContended
        ? COMPETING_GAIN * rate * (base.last + this.#target)
        : rate * (base.ms + this.#target);
      this.#window = between(
        LEAST_WINDOW,
        Math.max(wanted, this.#push.floor),
        MOST_WINDOW,
      );
    }
    const most = Math.min(
      this.#window / 4,
      rate > 0 ? rate * FRAME_MS : Infinity,
      MOST_FRAME,
    );
    const least = between(LEAST_FRAME, rate * LEAST_FRAME_MS, SMALL_FRAME);
    this.#frameBytes = Math.floor(Math.max(least, most));
  }

  #allow(): void {
    // The last frame goes over by half of its length, on average.
    this.#allowed = this.#drain.isOn
      ? this.#drainBytes
      : this.#window * this.#gain - this.#frameBytes / 2;
  }

  /** The time of `now`: a clock that went back stood still. */
  #at(now: number): number {
    if (now > this.#now) this.#time += now - this.#now;
    this.#now = now;
    return this.#time;
  }
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
