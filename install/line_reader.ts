/** Reads lines off the beginning of a stream of bytes, and hands on the rest. */

/** A line longer than this is cut; what begins a link is short. */
const MOST_BYTES = 64 * 1024;

/** Takes lines off a stream. */
export class LineReader {
  readonly #stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #held: Uint8Array<ArrayBuffer> = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#stream = stream;
    this.#reader = stream.getReader();
  }

  /** The next line without its end, or undefined at the end of the stream. */
  async line(): Promise<string | undefined> {
    for (let from = 0;;) {
      const at = this.#held.indexOf(10, from);
      const end = at >= 0 ? at : this.#held.length > MOST_BYTES ? MOST_BYTES : -1;
      if (end >= 0) {
        const line = new TextDecoder().decode(this.#held.subarray(0, end));
        this.#held = this.#held.subarray(at >= 0 ? end + 1 : end);
        return line.replace(/\r$/, "");
      }
      from = this.#held.length;
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      const joined = new Uint8Array(this.#held.length + value.length);
      joined.set(this.#held);
      joined.set(value, this.#held.length);
      this.#held = joined;
    }
  }

  /** What was not read yet, as a stream. */
  rest(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const held = this.#held;
    const reader = this.#reader;
    if (held.length === 0) {
      reader.releaseLock();
      return this.#stream;
    }
    return new ReadableStream({
      start(controller) {
        if (held.length > 0) controller.enqueue(held);
      },
      async pull(controller) {
        const { value, done } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
  }
}
