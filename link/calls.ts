/**
 * Calls: requests to a peer and their results, matched by id.
 *
 * ## Theory of operation
 *
 * `call` sends a request and remembers its id until the result comes. A result counts once,
 * and only for the request that has its id and its operation; any other is one that nobody
 * asked for.
 *
 * *Order.* A promise settles after the batch of frames that brought the result was worked
 * off. What has to happen before the next frame is looked at goes into `take`.
 *
 * *Limits.* At most {@linkcode MOST_REMEMBERED} requests are remembered; one more, and the
 * oldest is forgotten. A call fails when its time is over, when it is forgotten, and at
 * `end`, which forgets all. One that failed for its time is remembered still, so that its
 * late result is not taken for one that nobody asked for.
 *
 * The other side answers with {@linkcode answerTo}.
 *
 * @module
 */

import {
  type ControlRequest,
  type ControlResult,
  encodeControl,
} from "../wire/control/control.ts";
import type { Frame } from "../wire/frame.ts";
import { messageOf } from "../wire/text.ts";
import type { Clock } from "./clock.ts";

/** Requests without a result that are remembered. */
export const MOST_REMEMBERED = 64;

/** Characters of a peer's error that are told. */
const MOST_ERROR = 1000;

/** The peer answered that it failed. */
export class Refusal extends Error {
  /** Tells it from other errors. */
  override name = "Refusal";
  /** The peer's words; an error that is no text as JSON, and a long one cut. */
  readonly words: string;

  /** `error` is that of the result, which may be any JSON. */
  constructor(op: string, error: unknown) {
    const text = typeof error === "string" ? error : JSON.stringify(error);
    const words = text.length > MOST_ERROR ? `${text.slice(0, MOST_ERROR)}…` : text;
    super(`The peer refused "${op}": ${words}`);
    this.words = words;
  }
}

/** How long a call waits, and for what. */
export interface CallLimits<T> {
  /**
   * Milliseconds until the call fails. Absent where somebody else sees to it that the link
   * ends if no result comes.
   */
  readonly ms?: number;
  /** Bytes of the result's message, where it may be longer than others. */
  readonly bytes?: number;
  /**
   * Makes the value of the call of the result's data, before the next frame is looked at. An
   * error thrown here says that the data make no sense, and goes to the giver of the result,
   * too. Default: the data as they are.
   */
  take?(data: unknown): T;
}

/** Options of {@linkcode Calls}. */
export interface CallsOptions {
  /** Sends a request. */
  send(frame: Frame): unknown;
  readonly clock: Pick<Clock, "after">;
}

/** The requests to one peer that have no result yet. */
export class Calls {
  readonly #options: CallsOptions;
  /** By id, the oldest first. */
  readonly #asked = new Map<number, Asked<unknown>>();
  #lastId = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Requests that are remembered. */
  get size(): number {
    return this.#asked.size;
  }

  /** Bytes of the longest result that may come now; 0 if none may be longer than others. */
  get longestDue(): number {
    let longest = 0;
    for (const { bytes } of this.#asked.values()) longest = Math.max(longest, bytes);
    return longest;
  }

  /**
   * Asks the peer. Rejects with a {@linkcode Refusal} if the peer answers with an error, and
   * with another error if no result comes, see above.
   */
  call<T = unknown>(op: string, args: unknown, limits: CallLimits<T> = {}): Promise<T> {
    const id = ++this.#lastId;
    const asked = new Asked(op, limits);
    this.#asked.set(id, asked as Asked<unknown>);
    asked.failAfter(limits.ms, this.#options.clock);
    if (this.#asked.size > MOST_REMEMBERED) this.#forgetOldest();
    const body = { id, op, ...(args !== undefined && { args }) };
    this.#options.send(encodeControl({ type: "request", body }));
    return asked.value;
  }

  /**
   * Takes a result; false if nobody asked for it.
   *
   * @throws what the `take` of its call throws.
   */
  settle({ request_id: id, op, error, data }: ControlResult): boolean {
    const asked = this.#asked.get(id);
    if (asked?.op !== op) return false;
    this.#asked.delete(id);
    asked.settle(error, data);
    return true;
  }

  /** Fails and forgets every call, because of `reason`; further ones may be made. */
  end(reason: string): void {
    for (const asked of this.#asked.values()) asked.fail(reason);
    this.#asked.clear();
  }

  #forgetOldest(): void {
    for (const [id, asked] of this.#asked) {
      this.#asked.delete(id);
      return asked.fail(`more than ${MOST_REMEMBERED} others wait for theirs`);
    }
  }
}

/** One request that was sent. */
class Asked<T> {
  readonly op: string;
  /** Bytes of its result, if more than of others. */
  readonly bytes: number;
  /** What comes of the call. */
  readonly value: Promise<T>;
  readonly #take: ((data: unknown) => T) | undefined;
  readonly #settled = Promise.withResolvers<T>();
  #cancel = () => {};
  #isOver = false;

  constructor(op: string, limits: CallLimits<T>) {
    this.op = op;
    this.bytes = limits.bytes ?? 0;
    this.#take = limits.take;
    this.value = this.#settled.promise;
  }

  failAfter(ms: number | undefined, clock: Pick<Clock, "after">): void {
    if (ms === undefined) return;
    this.#cancel = clock.after(ms, () => this.fail(`none came within ${ms / 1000} s`));
  }

  settle(error: unknown, data: unknown): void {
    if (!this.#end()) return;
    if (error !== undefined) return this.#settled.reject(new Refusal(this.op, error));
    try {
      this.#settled.resolve(this.#take ? this.#take(data) : data as T);
    } catch (fault) {
      this.#settled.reject(fault);
      throw fault;
    }
  }

  fail(reason: string): void {
    if (!this.#end()) return;
    this.#settled.reject(new Error(`No result of "${this.op}": ${reason}`));
  }

  /** Whether it was not over before. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#cancel();
    return this.#isOver = true;
  }
}

/**
 * The result of a request, for the peer: what `perform` gives, or the message of what it
 * throws.
 */
export function answerTo(
  { id, op, args }: ControlRequest,
  perform: (op: string, args: unknown) => unknown,
): Frame {
  const result = (outcome: { data?: unknown; error?: string }) =>
    encodeControl({ type: "result", body: { request_id: id, op, ...outcome } });
  try {
    const data = perform(op, args);
    return result(data === undefined ? {} : { data });
  } catch (error) {
    return result({ error: messageOf(error) });
  }
}
