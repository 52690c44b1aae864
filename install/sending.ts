/**
 * Tells how far the sending of an agent is.
 *
 * @module
 */
import type { OpenContext } from "../transports/mod.ts";

/** Milliseconds between two tellings. */
const EVERY = 200;
/**
 * Bytes that were taken are not there yet: pipes and the transport's own buffers hold
 * some MiB, which a slow way needs its time for. So the host may take this share of the
 * time up to then.
 */
const GRACE_SHARE = 1 / 4;

/** A file on its way. */
export class Sending implements Disposable {
  readonly #total: number;
  readonly #context: OpenContext;
  readonly #began = performance.now();
  #done = 0;
  #told = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `total` bytes are to be sent. */
  constructor(total: number, context: OpenContext) {
    this.#total = total;
    this.#context = context;
    this.#tell();
  }

  /** So many more were taken. */
  sent(bytes: number): void {
    this.#done += bytes;
    this.#context.alive?.();
    if (performance.now() - this.#told >= EVERY) this.#tell();
  }

  /**
   * All bytes were taken. For a while, until disposal, they are reported as moving.
   */
  end(): void {
    this.#tell();
    const until = performance.now() + (performance.now() - this.#began) * GRACE_SHARE;
    this.#timer = setInterval(() => {
      if (performance.now() > until) clearInterval(this.#timer);
      else this.#context.alive?.();
    }, EVERY);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    this.#told = performance.now();
    const ms = this.#told - this.#began;
    this.#context.progress?.({
      what: "the agent",
      done: this.#done,
      total: this.#total,
      ms,
    });
  }
}
