/**
 * Calls: requests to a peer and their results, matched by id.
 *
 * ## Theory of operation
 *
 * `call` sends a request and remembers its id until the result comes. A result counts
 * once, and only for the request that has its id and its operation; any other is
 * unsolicited.
 *
 * *Order.* A promise settles after the batch of frames that brought the result was
 * handled. Work that has to precede the next frame goes into `take`.
 *
 * *Limits.* At most {@linkcode MOST_REMEMBERED} requests are remembered; a further
 * request makes the oldest forgotten. A call fails when its time is over, when its
 * request is forgotten, and at `end`, which forgets all. A request that timed out stays
 * remembered, so that its late result is not taken as unsolicited.
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

/** The peer answered with an error. */
export class Refusal extends Error {
  /** Tells a refusal from other errors. */
  override name = "Refusal";
  /** The peer's words: an error that is no text as JSON, a long text cut. */
  readonly words: string;

  /** `error` is the result's, which may be any JSON. */
  constructor(op: string, error: unknown) {
    const text = typeof error === "string" ? error : JSON.stringify(error);
    const words = text.length > MOST_ERROR ? `${text.slice(0, MOST_ERROR)}…` : text;
    super(`The peer refused "${op}": ${words}`);
    this.words = words;
  }
}

/** The limits of a call. */
export interface CallLimits<T> {
  /**
   * Milliseconds until the call fails. Absent where the link ends for another reason if
   * no result comes.
   */
  readonly ms?: number;
  /** Bytes of the result's message, where longer results than usual are due. */
  readonly bytes?: number;
  /**
   * Makes the value of the call from the result's data, before the next frame is handled.
   * An error thrown here says that the data make no sense, and goes to the giver of the
   * result, too. Default: the data as they are.
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

  /**
   * Bytes of the longest result that may come now; 0 if none may be longer than others.
   */
  get longestDue(): number {
    let longest = 0;
    for (const { bytes } of this.#asked.values()) longest = Math.max(longest, bytes);
    return longest;
  }

  /**
   * Asks the peer. Rejects with a {@linkcode Refusal} if the peer answers with an error,
   * and with another error if no result comes, see above.
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
   * Takes a result; false if unsolicited.
   *
   * @throws the error of its call's `take`.
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

/** A request that was sent. */
class Asked<T> {
  readonly op: string;
  /** Most bytes of its result's message; 0 for the usual limit. */
  readonly bytes: number;
  /** The outcome of the call. */
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

  /** Ends the call; false if already over. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#cancel();
    return this.#isOver = true;
  }
}

/**
 * The result of a request, for the peer: the value of `perform`, or the message of its
 * error.
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
