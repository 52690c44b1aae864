/**
 * Police: only honest IPv4 packets get past their link.
 *
 * A host may send from its own VIP, and answer in the name of the addresses that others
 * reach through that host, nothing else: otherwise any container could speak in the name
 * of any other. The router, which knows the connections, judges each packet; the same
 * look-up gives the packet's way, which is carried along (`way.ts`). A packet that passes
 * has a sound IPv4 header and a length that matches its frame, so the stages behind need
 * not look again.
 *
 * @module
 */

import { type Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import {
  headerLengthOf,
  IPV4_HEADER_BYTES,
  totalLengthOf,
  versionOf,
} from "../wire/ip/ipv4.ts";
import { type Pace, Turn } from "../wire/turn.ts";
import type { Stage } from "./stage.ts";
import type { Way } from "./way.ts";

/**
 * The fate of a frame: passed (`ok`) or dropped because of its `type`, or because its
 * packet is shorter than an IPv4 header (`short`), of another version (`version`), its
 * header or total length is wrong (`length`), the host may not send from that source
 * (`source`), or might until a moment ago, before its connection ended (`late`).
 */
export type Verdict =
  | "ok"
  | "type"
  | "short"
  | "version"
  | "length"
  | "source"
  | "late";

/** How many frames got which verdict. */
export type PoliceCounters = Record<Verdict, number>;

/** Counters at zero. */
export function policeCounters(): PoliceCounters {
  return { ok: 0, type: 0, short: 0, version: 0, length: 0, source: 0, late: 0 };
}

/** Options of {@linkcode police}. */
export interface PoliceOptions {
  /**
   * The way of the packet at `at`, whose header is sound; undefined if the host on this
   * link may not send the packet.
   */
  find(packet: Uint8Array, at: number): Way | undefined;
  /**
   * Whether a frame that was not admitted is of a connection that has just ended, so that
   * its host is not to blame. Default: none is.
   */
  isLate?(frame: Frame): boolean;
  /** Called with each frame that was not admitted. */
  onForged?(frame: Frame): void;
  /** Called with the bytes of each frame that is dropped, for any reason but being late. */
  onDropped?(bytes: number): void;
  /**
   * Lets other links have their turns; without a pace the stage drops on while there are
   * frames to drop.
   */
  readonly pace?: Pace | undefined;
  /** Counted up as frames are judged. */
  readonly counters: PoliceCounters;
}

/** Judges a frame, and stores its way in `frame.way`. Control frames always pass. */
export function judge(frame: Frame, find: PoliceOptions["find"]): Verdict {
  const bytes = frame.bytes;
  const type = frame.type;
  if (type !== FrameType.L3) return type === FrameType.JSON ? "ok" : "type";
  const size = bytes.length - HEADER_BYTES;
  if (size < IPV4_HEADER_BYTES) return "short";
  if (versionOf(bytes, HEADER_BYTES) !== 4) return "version";
  const header = headerLengthOf(bytes, HEADER_BYTES);
  // A frame holds exactly one packet, so bytes behind it are as wrong as missing ones.
  if (header < IPV4_HEADER_BYTES || header > size) return "length";
  if (totalLengthOf(bytes, HEADER_BYTES) !== size) return "length";
  const way = find(bytes, HEADER_BYTES);
  frame.way = way;
  return way === undefined ? "source" : "ok";
}

/** Dropped frames between two looks at the clock. */
const UNCHECKED_FRAMES = 64;

/**
 * A stage that counts frames by verdict and drops those that {@linkcode judge} does not
 * let pass. Frames that pass are work of the stages behind, which look after turns
 * themselves; those stages do not see dropped frames, so a link that brings nothing else
 * is made to rest here.
 */
export function police(options: PoliceOptions): Stage {
  const { counters, pace } = options;
  const find = (packet: Uint8Array, at: number) => options.find(packet, at);
  return async function* (batches) {
    const turn = pace && new Turn(pace);
    for await (const batch of batches) {
      let kept = 0;
      let dropped = 0;
      for (const frame of batch) {
        const verdict = judge(frame, find);
        if (verdict === "ok") {
          counters.ok++;
          batch[kept++] = frame;
          continue;
        }
        if (dropped === 0) turn?.begin();
        const isLate = verdict === "source" && options.isLate?.(frame) === true;
        counters[isLate ? "late" : verdict]++;
        if (verdict === "source") options.onForged?.(frame);
        if (!isLate) options.onDropped?.(frame.bytes.length);
        if (++dropped % UNCHECKED_FRAMES === 0 && turn?.isOver()) await turn.rest();
      }
      if (dropped > 0) {
        turn?.end();
        if (turn?.isOver()) await turn.rest();
      }
      batch.length = kept;
      if (kept > 0) yield batch;
    }
  };
}
