/**
 * Reads lines off the beginning of a stream of bytes, and hands on the rest.
 *
 * @module
 */

/** A longer line is cut in parts; the lines that begin a link are short. */
const MOST_BYTES = 16 * 1024;

/** Takes lines off a stream. */
export class LineReader {
  readonly #stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #held: Uint8Array<ArrayBuffer> = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#stream = stream;
    this.#reader = stream.getReader();
  }

  /**
   * The next line without its end, which the last line may lack; undefined at the end.
   */
  async line(): Promise<string | undefined> {
    for (let from = 0;;) {
      const at = this.#held.subarray(0, MOST_BYTES).indexOf(10, from);
      if (at >= 0) return this.#take(at, 1);
      if (this.#held.length >= MOST_BYTES) return this.#take(MOST_BYTES);
      from = this.#held.length;
      const { value, done } = await this.#reader.read();
      if (done) return from > 0 ? this.#take(from) : undefined;
      const joined = new Uint8Array(from + value.length);
      joined.set(this.#held);
      joined.set(value, from);
      this.#held = joined;
    }
  }

  #take(bytes: number, skipped = 0): string {
    const line = new TextDecoder().decode(this.#held.subarray(0, bytes));
    this.#held = this.#held.subarray(bytes + skipped);
    return line.replace(/\r$/, "");
  }

  /** The bytes not read yet, as a stream. */
  rest(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const held = this.#held;
    const reader = this.#reader;
    if (held.length === 0) {
      reader.releaseLock();
      return this.#stream;
    }
    return new ReadableStream({
      start: (controller) => controller.enqueue(held),
      async pull(controller) {
        const { value, done } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
  }

  /** Reads no more: later bytes are of no use. */
  async cancel(): Promise<void> {
    this.#held = new Uint8Array();
    await this.#reader.cancel();
  }
}
