/** Tells how far the sending of an agent is. */
import type { OpenContext } from "../transports/mod.ts";

/** How often a line is said of it. */
const EVERY_MS = 3000;

/** One file on its way. */
export class Sending {
  readonly #total: number;
  readonly #context: OpenContext;
  readonly #began = performance.now();
  #done = 0;
  #told = this.#began;

  /** `total` bytes are to be sent. */
  constructor(total: number, context: OpenContext) {
    this.#total = total;
    this.#context = context;
  }

  /** So many more were taken. */
  sent(bytes: number): void {
    this.#done += bytes;
    this.#context.alive?.();
    const now = performance.now();
    if (now - this.#told < EVERY_MS) return;
    this.#told = now;
    const rate = this.#done / (now - this.#began) * 1000;
    const left = Math.ceil((this.#total - this.#done) / rate);
    this.#context.log(
      `sending the agent: ${megabytes(this.#done)} of ${megabytes(this.#total)} MB, ` +
        `${megabytes(rate)} MB/s, ${left} s left`,
    );
  }

  /** All were taken. */
  end(): void {
    this.#context.alive?.();
    const seconds = (performance.now() - this.#began) / 1000;
    this.#context.log(
      `the agent was sent: ${megabytes(this.#total)} MB in ${seconds.toFixed(1)} s`,
    );
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
