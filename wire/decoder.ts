/**
 * The frame decoder: chunks of any size go in, whole frames come out.
 *
 * @module
 */

import { BannerSkipper, LOOKAHEAD_BYTES } from "./_banner.ts";
import { COUNTED_HEADER_BYTES, Frame, FrameType, HEADER_BYTES, MAGIC } from "./frame.ts";
import type { Lease } from "./lease.ts";

/** The stream is not, or no longer, a stream of frames; the message has offset and bytes. */
export class FrameError extends Error {
  /** Tells this error from others. */
  override name = "FrameError";
  /** The bytes that are no frame, as far as they had come; empty if bytes are missing. */
  readonly bytes: Uint8Array;
  /** Whether nothing is wrong with them but that the rest of a frame did not come. */
  readonly isCut: boolean;

  /** `bytes` were found instead of a frame; none if a frame is too long. */
  constructor(message: string, bytes: Uint8Array = new Uint8Array(), isCut = false) {
    super(message);
    this.bytes = bytes;
    this.isCut = isCut;
  }
}

/** Options of a {@linkcode FrameDecoder}. */
export interface FrameDecoderOptions {
  /** Bytes of text allowed before the first frame; 0 allows none. Default 65536. */
  bannerLimit?: number;
  /** Bytes of the largest frame, header included. Default: the header's limit, 16 MiB. */
  frameLimit?: number;
  /**
   * Called with the text skipped before the first frame, once: when that frame is
   * found, or at the latest by {@linkcode FrameDecoder.finish}. Not called without text.
   */
  onBanner?: (text: string) => void;
}

/**
 * Finds the frames in a stream of bytes, synchronously.
 *
 * A frame that lies whole in a chunk is a view of that chunk, so a chunk must not be
 * written to again. A frame spread over chunks is gathered in a buffer of exactly its
 * size; each of its bytes is copied once, however small the chunks.
 *
 * Text before the first frame (the banner of a login) is skipped up to a limit. After an
 * error the stream is lost: every later call throws the same error.
 */
export class FrameDecoder {
  readonly #onBanner: ((text: string) => void) | undefined;
  #frameLimit: number;
  /** Present until the first frame was found. */
  #banner: BannerSkipper | undefined;
  /** The unfinished frame, first only as much as a header, then of its full size. */
  #partial: Uint8Array | undefined;
  #partialFilled = 0;
  /** Bytes of the stream before the frame that is being decoded, for messages. */
  #offset = 0;
  #unfinished: { readonly came: number; readonly size: number } | undefined;
  #error: FrameError | undefined;

  /** Makes a decoder at the start of a stream. */
  constructor(options: FrameDecoderOptions = {}) {
    const limit = options.bannerLimit ?? 64 * 1024;
    this.#onBanner = options.onBanner;
    this.#frameLimit = options.frameLimit ?? Infinity;
    if (limit > 0) this.#banner = new BannerSkipper(limit);
  }

  /** Allows frames of so many bytes, header included, if the limit was lower. */
  allow(bytes: number): void {
    this.#frameLimit = Math.max(this.#frameLimit, bytes);
  }

  /**
   * The text skipped so far while no frame has been found, else the empty string: text to
   * show when an agent never answers.
   */
  get banner(): string {
    return this.#banner?.text ?? "";
  }

  /**
   * Takes the next bytes of the stream and returns the frames they complete, in order.
   *
   * @throws {FrameError} on a wrong magic, a length below 4 or over the limit, or a
   * banner over the limit. The frames before the fault in the same chunk are lost with
   * it. Frames that lie in `chunk` carry its `lease`, if there is a lease.
   */
  push(chunk: Uint8Array, lease?: Lease): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (this.#partial !== undefined && at < chunk.length) {
      at = this.#gather(chunk, at, frames);
    }
    const rest = at === 0 ? chunk : chunk.subarray(at);
    const used = this.scan(rest, frames, lease);
    if (used < rest.length) this.#keep(rest.subarray(used));
    return frames;
  }

  /**
   * The part of {@linkcode push} for callers who keep the unfinished tail themselves:
   * adds the frames that begin at the start of `chunk` and lie whole there to `frames`,
   * until there are `most`, and returns the number of bytes used. The rest is to come
   * again, in front of the next bytes. Do not mix with `push` on the same stream.
   *
   * @throws {FrameError} as `push` does.
   */
  scan(chunk: Uint8Array, frames: Frame[], lease?: Lease, most = Infinity): number {
    if (this.#error !== undefined) throw this.#error;
    this.#unfinished = undefined;
    let at = this.#banner === undefined ? 0 : this.#skipBanner(this.#banner, chunk);
    if (this.#banner !== undefined) return at;
    while (chunk.length - at >= HEADER_BYTES && frames.length < most) {
      const size = this.#sizeOf(chunk, at);
      if (chunk.length - at < size) break;
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset + at, size);
      frames.push(new Frame(bytes, lease));
      at += size;
      this.#offset += size;
    }
    return at;
  }

  /**
   * The size, header included, of the frame at the start of `tail`, the bytes that
   * {@linkcode scan} left over; 0 if `tail` is too short to tell.
   */
  wanted(tail: Uint8Array): number {
    const size = this.#banner !== undefined || tail.length < HEADER_BYTES
      ? 0
      : this.#sizeOf(tail, 0);
    this.#unfinished = { came: tail.length, size };
    return size;
  }

  /**
   * How much of an unfinished frame has come, and the size of the frame (0 if not known
   * yet), as far as `push` or `wanted` saw.
   */
  get unfinished(): { readonly came: number; readonly size: number } | undefined {
    return this.#unfinished;
  }

  /**
   * Says that the input has ended; a caller of {@linkcode scan} gives the tail left over.
   *
   * @throws {FrameError} if the input ended inside a frame.
   */
  finish(tail?: Uint8Array): void {
    if (this.#error !== undefined) throw this.#error;
    let left = tail ?? this.#partial?.subarray(0, this.#partialFilled);
    const banner = this.#banner;
    if (banner !== undefined) {
      // Bytes too few to be judged before may yet be the beginning of a frame.
      const used = left === undefined ? 0 : banner.skip(left);
      left = left?.subarray(used);
      this.#offset += used;
      // Nothing but text: not a broken frame. A watcher of the link knows its end.
      if (!banner.found && left !== undefined) banner.add(left);
      this.#reportBanner(banner);
      if (!banner.found) return;
      this.#banner = undefined;
    }
    if (left !== undefined && left.length > 0) {
      const size = this.wanted(left);
      this.#fail(
        `the input ended inside a frame: ${left.length} of its ${
          size > 0 ? size : "unknown number of"
        } bytes came,`,
        left,
        { isCut: size > 0 && this.#offset > 0 },
      );
    }
  }

  #skipBanner(banner: BannerSkipper, chunk: Uint8Array): number {
    const used = banner.skip(chunk);
    this.#offset += used;
    if (banner.overLimit) {
      this.#fail(
        `no frame within the first ${banner.limit} bytes, which begin`,
        banner.firstBytes,
        { offset: 0 },
      );
    }
    if (banner.found) {
      this.#banner = undefined;
      this.#reportBanner(banner);
    }
    return used;
  }

  #reportBanner(banner: BannerSkipper): void {
    const text = banner.text;
    if (text !== "") this.#onBanner?.(text);
  }

  /** Checks the header at `at` and returns the size of its frame. */
  #sizeOf(chunk: Uint8Array, at: number): number {
    const length = chunk[at + 1]! << 16 | chunk[at + 2]! << 8 | chunk[at + 3]!;
    if (chunk[at] !== MAGIC || length < COUNTED_HEADER_BYTES) {
      this.#fail(
        chunk[at] !== MAGIC
          ? `wrong magic, wanted 0x42, got`
          : `length ${length} is below ${COUNTED_HEADER_BYTES} in`,
        chunk.subarray(at, at + 32),
      );
    }
    const size = HEADER_BYTES - COUNTED_HEADER_BYTES + length;
    if (size > this.#frameLimit) {
      // Told by the header, before memory is taken for the frame.
      const seen = chunk.subarray(at, at + 32);
      const what = `its ${size} bytes are more than the ${this.#frameLimit} allowed,`;
      if (!isFrameHeader(seen)) this.#fail(what, seen);
      this.#fail(`${what} ${describeBytes(seen)}`, undefined);
    }
    return size;
  }

  /** Begins an unfinished frame with the bytes that have come. */
  #keep(tail: Uint8Array): void {
    // A header alone can be a frame; more bytes, to tell a frame from text, come after.
    const least = tail.length < HEADER_BYTES ? HEADER_BYTES : LOOKAHEAD_BYTES;
    this.#partial = new Uint8Array(this.wanted(tail) || least);
    this.#partial.set(tail);
    this.#partialFilled = tail.length;
  }

  /** Moves bytes from `chunk` to the unfinished frame; returns the place behind them. */
  #gather(chunk: Uint8Array, at: number, frames: Frame[]): number {
    const partial = this.#partial!;
    const end = Math.min(chunk.length, at + partial.length - this.#partialFilled);
    partial.set(chunk.subarray(at, end), this.#partialFilled);
    this.#partialFilled += end - at;
    if (this.#partialFilled === partial.length) {
      // Either the frame, or just its header (or bytes behind a banner): scan tells.
      this.#partial = undefined;
      const used = this.scan(partial, frames);
      if (used < partial.length) this.#keep(partial.subarray(used));
    }
    return end;
  }

  #fail(
    what: string,
    seen: Uint8Array | undefined,
    { offset = this.#offset, isCut = false } = {},
  ): never {
    const bytes = seen === undefined ? "" : ` ${describeBytes(seen)}`;
    this.#error = new FrameError(
      `Cannot decode the frame at byte ${offset}: ${what}${bytes}`,
      seen?.slice(),
      isCut,
    );
    throw this.#error;
  }
}

/** Whether a whole header is one that peers send: the bytes are a frame of any length. */
function isFrameHeader(header: Uint8Array): boolean {
  const [, , , , high, type, ...rest] = header;
  const isKnown = type === FrameType.L3 || type === FrameType.JSON;
  return high === 0 && isKnown && rest[0] === 0 && rest[1] === 0;
}

/** At most 32 bytes as hex, and as text with dots for unprintable bytes. */
function describeBytes(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, 32);
  const hex = Array.from(shown, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = Array.from(
    shown,
    (byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
  ).join("");
  return `${hex} "${text}"`;
}
