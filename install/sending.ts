/** Tells how far the sending of an agent is. */
import type { OpenContext } from "../transports/mod.ts";

/** How often it is told. */
const EVERY_MS = 200;

/** One file on its way. */
export class Sending {
  readonly #total: number;
  readonly #context: OpenContext;
  readonly #began = performance.now();
  #done = 0;
  #told = 0;

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
    if (performance.now() - this.#told >= EVERY_MS) this.#tell();
  }

  /** All were taken. */
  end(): void {
    this.#done = this.#total;
    this.#tell();
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
