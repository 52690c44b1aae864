/**
 * A client's connection: reads requests in turn, watches for the client's end while a
 * request is served, and lets the client read the last words.
 *
 * @module
 */
import { ReadAhead } from "../../edge/read_ahead.ts";
import type { ByteStream } from "../../edge/stream.ts";
import { turns } from "../../edge/turns.ts";
import type { Timed } from "../deadlines.ts";
import { HttpError } from "../error.ts";
import type { Origins } from "../origin/origins.ts";
import { type RequestHead, RequestReader } from "./request_head.ts";

/**
 * How long a client that is let go may be silent while it sends bytes that nobody wants.
 */
const LINGER_SILENCE_MS = 2000;
/** How long such a client may send altogether. */
const LINGER_MS = 30_000;

/** How long a client may take none of the bytes written to it. */
const WRITE_LIMIT_MS = 600_000;

/** Limits on a client's time, in milliseconds. */
export interface ClientLimits {
  /** A head has to be complete in this time. */
  readonly headMs: number;
  /** How long a client may wait between two requests. */
  readonly idleMs: number;
  /**
   * How long a client that ended its direction, and may have left, waits for some byte.
   */
  readonly halfClosedMs: number;
}

type Phase = "first" | "between" | "head" | "serving" | "leaving" | "tunnel" | "gone";

/** A client of the proxy. */
export class Client implements Timed {
  readonly stream: ByteStream;
  /** Reads `stream`. */
  readonly input: ReadAhead;
  /** Connections to servers that the client may have authenticated. */
  own: Origins | undefined;
  /** Requests that were read. */
  requests = 0;
  /** Called when the client fails, or ends its direction, while a request is served. */
  onEnd: ((error: Error | null) => void) | undefined;
  /**
   * Called when the client has ended its direction, and then read nothing for too long.
   */
  onSilent: (() => void) | undefined;
  readonly #limits: ClientLimits;
  #phase: Phase = "first";
  /** When the phase began. */
  #since = performance.now();
  #ended = 0;
  #written = 0;
  #isWriting = false;
  #isLate = false;
  #hasFailed = false;

  constructor(stream: ByteStream, limits: ClientLimits) {
    this.stream = stream;
    this.#limits = limits;
    this.input = new ReadAhead(stream);
    this.input.onEnd = () => this.#hasEnded();
  }

  /**
   * The next request; undefined if none comes any more. Rejects with an
   * {@linkcode HttpError} if something else comes, and with the connection's failure.
   */
  async next(): Promise<RequestHead | undefined> {
    const { input } = this;
    const reader = new RequestReader();
    if (this.#phase !== "first") this.#enter("between");
    input.unwatch();
    // Requests that came together: a refusal needs no wait.
    if (input.size > 0) await turns.next();
    try {
      for (;;) {
        const head = reader.read(input);
        if (head) {
          this.#enter("serving");
          this.requests++;
          return head;
        }
        if (input.ended) throw input.ended;
        if (input.ended === null && !reader.hasBegun) return undefined;
        if (input.ended === null) {
          throw new HttpError(400, "The request ends in the middle of its header");
        }
        if (this.#phase === "between" && reader.hasBegun) this.#enter("head");
        if (this.#isLate && this.#phase === "between") return undefined;
        if (this.#isLate) {
          throw new HttpError(408, "The header of the request was too long in coming");
        }
        await input.fill();
      }
    } finally {
      reader.release();
    }
  }

  /** Writes all of `bytes`. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#phase === "gone") throw new Error("the client is gone");
    this.#isWriting = true;
    this.#written = performance.now();
    try {
      await this.stream.write(bytes);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    } finally {
      this.#isWriting = false;
      this.#written = performance.now();
    }
  }

  /**
   * Lets the client read the bytes written, and ends. Bytes from the client go nowhere;
   * after `most` such bytes the connection ends all the same.
   */
  async leave(most = Infinity): Promise<void> {
    const { input, stream } = this;
    this.#enter("leaving");
    input.unwatch();
    try {
      await stream.closeWrite();
      for (let left = most; !this.#isLate; await input.fill()) {
        left -= input.size;
        input.consume(input.size);
        if (left <= 0 || input.ended !== undefined) break;
      }
      this.#enter("gone");
      stream.close();
    } catch {
      this.reset(); // the client left already
    }
  }

  /** Whether the proxy waits for a request: the client may be ended for others. */
  get isAwaited(): boolean {
    return this.#phase === "first" || this.#phase === "between" || this.#phase === "head";
  }

  /** Whether the connection was made a tunnel. */
  get isTunnel(): boolean {
    return this.#phase === "tunnel";
  }

  /** Whether a write has failed, or the client is gone. */
  get hasFailed(): boolean {
    return this.#hasFailed || this.#phase === "gone";
  }

  /** Ends the connection at once, with a reset. */
  reset(): void {
    if (this.#phase !== "tunnel") this.#enter("gone");
    this.stream.reset();
  }

  /** Ends the connection at once, in order. */
  close(): void {
    this.#enter("gone");
    this.stream.close();
  }

  /** The proxy ends; a tunnel has to be ended by whoever carries it. */
  end(why: Error): void {
    if (this.#phase === "tunnel") return;
    this.reset();
    this.onEnd?.(why);
  }

  /** The connection becomes a tunnel, which has no limits. */
  handOver(): void {
    this.#enter("tunnel");
    this.input.onEnd = undefined;
  }

  check(now: number): void {
    const { headMs, idleMs, halfClosedMs } = this.#limits;
    const took = now - this.#since;
    switch (this.#phase) {
      case "first":
      case "head":
        return this.#expire(took >= headMs);
      case "between":
        return this.#expire(took >= idleMs);
      case "leaving":
        return this.#expire(
          took >= LINGER_MS ||
            now - Math.max(this.#since, this.input.active) >= LINGER_SILENCE_MS,
        );
      case "serving":
        if (this.#isWriting) {
          if (now - this.#written >= WRITE_LIMIT_MS) this.reset();
          return;
        }
        if (this.input.ended !== null) return;
        if (now - Math.max(this.#since, this.#ended, this.#written) < halfClosedMs) {
          return;
        }
        this.onSilent?.();
    }
  }

  #expire(isLate: boolean): void {
    if (!isLate) return;
    this.#isLate = true;
    this.input.interrupt();
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#since = performance.now();
    this.#isLate = false;
  }

  #hasEnded(): void {
    this.#ended = performance.now();
    this.onEnd?.(this.input.ended ?? null);
  }
}
