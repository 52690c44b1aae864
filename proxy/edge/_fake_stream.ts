/**
 * A stream of bytes whose peer is a test, and which holds its user to the contract.
 *
 * @module
 */
import type { ByteStream } from "./stream.ts";

/** A stream whose other end is in the hands of a test. */
export class FakeStream implements ByteStream {
  /** Each write on its own. */
  readonly writes: Uint8Array[] = [];
  /** The calls that ended the stream, in order, each time. */
  readonly ends: ("closeWrite" | "reset" | "close")[] = [];
  /** Bytes that were read. */
  bytesRead = 0;
  /** Size of the buffer of each read. */
  readonly buffers: number[] = [];
  /** Whether a read, a write is under way. */
  reading = false;
  writing = false;
  /** Makes each write from now on wait until the promise settles. */
  gate: Promise<void> | undefined;
  /** At most so many bytes by a read. */
  readonly #step: number;
  readonly #sent: (Uint8Array | null | Error)[] = [];
  #wake = () => {};

  constructor({ step = Infinity }: { step?: number } = {}) {
    this.#step = step;
  }

  /** The peer sends bytes, ends its direction (null), or the stream fails. */
  send(...what: (Uint8Array | string | null | Error)[]): this {
    for (const some of what) {
      this.#sent.push(typeof some === "string" ? new TextEncoder().encode(some) : some);
    }
    this.#wake();
    return this;
  }

  /** All that was written. */
  get written(): number[] {
    return this.writes.flatMap((bytes) => [...bytes]);
  }

  /** The same as text. */
  get text(): string {
    return String.fromCharCode(...this.written);
  }

  get #isOver(): boolean {
    return this.ends.includes("reset") || this.ends.includes("close");
  }

  async read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (this.reading) throw new Error("a read beside another");
    if (into.length === 0) throw new Error("a read of nothing");
    this.reading = true;
    this.buffers.push(into.length);
    try {
      while (this.#sent.length === 0 && !this.#isOver) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if (this.#isOver) throw new Deno.errors.Interrupted("the stream is over");
      const next = this.#sent[0];
      if (next instanceof Error) throw next;
      if (!next) return null;
      const part = next.subarray(0, Math.min(into.length, this.#step));
      into.set(part);
      if (part.length === next.length) this.#sent.shift();
      else this.#sent[0] = next.subarray(part.length);
      this.bytesRead += part.length;
      return part.length;
    } finally {
      this.reading = false;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.writing) throw new Error("a write beside another");
    this.writing = true;
    try {
      await this.gate;
      if (this.#isOver) throw new Deno.errors.Interrupted("the stream is over");
      if (this.ends.includes("closeWrite")) throw new Error("a write behind the end");
      this.writes.push(bytes.slice());
    } finally {
      this.writing = false;
    }
  }

  closeWrite(): Promise<void> {
    this.ends.push("closeWrite");
    return Promise.resolve();
  }

  reset(): void {
    this.ends.push("reset");
    this.#wake();
  }

  close(): void {
    this.ends.push("close");
    this.#wake();
  }
}
