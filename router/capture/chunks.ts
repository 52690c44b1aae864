/**
 * Chunks: bytes that wait for a reader, up to a limit.
 *
 * @module
 */

/** Bytes of a chunk, unless what is written is longer. */
const CHUNK_BYTES = 64 << 10;

/** Where something is written. */
export interface Room {
  readonly view: DataView;
  readonly at: number;
}

/** Waiting bytes, of one writer and one reader. */
export class Chunks {
  readonly #limit: number;
  readonly #full: Uint8Array[] = [];
  #current = new DataView(new ArrayBuffer(0));
  #used = 0;
  #bytes = 0;
  #isOver = false;
  #wake = () => {};

  /** Holds `limit` bytes at most, and what is written beyond all limits. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Room for so many bytes, which are zero; undefined if too many wait or it is over. */
  room(bytes: number): Room | undefined {
    if (this.#isOver || this.#bytes + bytes > this.#limit) return undefined;
    return this.#take(bytes);
  }

  /** Writes bytes that have to be there. */
  push(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const { view, at } = this.#take(bytes.length);
    new Uint8Array(view.buffer).set(bytes, at);
  }

  /** No more comes. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** The bytes that wait, a chunk of them; waits for some, until the end. */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (this.#bytes === 0) {
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const chunk = this.#full.shift() ?? this.#cut();
    this.#bytes -= chunk.length;
    return chunk as Uint8Array<ArrayBuffer>;
  }

  #take(bytes: number): Room {
    if (this.#used + bytes > this.#current.byteLength) {
      if (this.#used > 0) this.#full.push(this.#cut());
      this.#current = new DataView(new ArrayBuffer(Math.max(bytes, CHUNK_BYTES)));
    }
    const room = { view: this.#current, at: this.#used };
    this.#used += bytes;
    this.#bytes += bytes;
    this.#wake();
    return room;
  }

  #cut(): Uint8Array {
    const chunk = new Uint8Array(this.#current.buffer, 0, this.#used);
    this.#current = new DataView(new ArrayBuffer(0));
    this.#used = 0;
    return chunk;
  }
}
