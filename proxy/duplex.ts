/**
 * A {@linkcode ByteStream} in the shape of a socket of Node, for `node:http` to speak over.
 *
 * It reads only when asked to and one read at a time, so that whoever takes the stream
 * over during an event of the parser, as for CONNECT, finds no read under way and nothing
 * held back but what the parser gave it.
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { ByteStream } from "./stream.ts";

const SMALL = 4096;
const LARGE = 262_144;
/** Parts go together in one write up to this. */
const JOINED = 65_536;

/** A stream as Node's HTTP parser wants it. */
export class StreamDuplex<S extends ByteStream = ByteStream> extends Duplex {
  /** What it speaks over. */
  readonly stream: S;
  #detached = false;
  #readerDetached = false;
  #size = SMALL;
  #idle: { readonly ms: number; timer: ReturnType<typeof setTimeout> } | undefined;
  #active = 0;

  /** With `allowHalfOpen` false, the end of what it reads ends it. */
  constructor(stream: S, { allowHalfOpen = true } = {}) {
    super({
      allowHalfOpen,
      readableHighWaterMark: 1, // not a byte is read while one is still to be taken
      writableHighWaterMark: LARGE,
    });
    this.stream = stream;
  }

  /** Milliseconds since a byte moved; 0 while the peer is to take one. */
  get silence(): number {
    return this.writableLength > 0 ? 0 : performance.now() - this.#active;
  }

  /** Takes the reading of the stream out, and leaves the writing until `detach`. */
  detachReader(): S {
    this.#readerDetached = true;
    return this.stream;
  }

  /** Takes the stream out; from now on this duplex leaves it alone. */
  detach(): S {
    this.#detached = true;
    this.detachReader();
    this.setTimeout(0);
    return this.stream;
  }

  override _read(): void {
    // Node may ask for the next bytes just before it hands out those that it has, and these
    // can be what leads to `detach`.
    queueMicrotask(() => this.#fill());
  }

  #fill(): void {
    if (this.#readerDetached || this.destroyed) return;
    const bytes = new Uint8Array(this.#size);
    this.stream.read(bytes).then((got) => {
      if (this.destroyed) return;
      this.#active = performance.now();
      if (got === null) return this.push(null);
      // An idle connection holds a small buffer, a busy one earns a large one.
      this.#size = got === bytes.length ? LARGE : got < SMALL ? SMALL : this.#size;
      this.push(Buffer.from(bytes.buffer, 0, got));
    }).catch((error) => this.destroy(error));
  }

  override _write(chunk: Uint8Array, _: string, done: (error?: Error) => void): void {
    this.#writeParts([chunk]).then(() => done(), done);
  }

  override _writev(
    chunks: { chunk: Uint8Array }[],
    done: (error?: Error) => void,
  ): void {
    this.#writeParts(chunks.map(({ chunk }) => chunk)).then(() => done(), done);
  }

  /** Small parts go together in one write; to join large ones would cost more. */
  async #writeParts(parts: Uint8Array[]): Promise<void> {
    for (let at = 0; at < parts.length;) {
      const first = at;
      let size = parts[at++]!.length;
      while (at < parts.length && size + parts[at]!.length <= JOINED) {
        size += parts[at++]!.length;
      }
      if (this.#detached) throw new Error("the stream was taken out");
      this.#active = performance.now();
      const some = parts.slice(first, at);
      await this.stream.write(some.length === 1 ? some[0]! : Buffer.concat(some));
      this.#active = performance.now();
    }
  }

  override _final(done: (error?: Error) => void): void {
    if (this.#detached) return done();
    this.stream.closeWrite().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.setTimeout(0);
    if (!this.#detached) {
      if (error) this.stream.reset();
      else this.stream.close();
    }
    done(error);
  }

  // ---- what `node:http` calls on a socket beyond a Duplex ----

  /** Emits `timeout` after so many milliseconds without a byte; 0 is never. */
  setTimeout(ms: number, listener?: () => void): this {
    clearTimeout(this.#idle?.timer);
    this.#idle = undefined;
    if (listener && ms > 0) this.once("timeout", listener);
    else if (listener) this.removeListener("timeout", listener);
    if (ms > 0 && !this.destroyed && !this.#detached) {
      this.#active = performance.now();
      this.#idle = { ms, timer: this.#watch(ms) };
    }
    return this;
  }

  #watch(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      const idle = this.#idle!;
      const left = this.#active + idle.ms - performance.now();
      if (left > 1) idle.timer = this.#watch(left);
      else this.emit("timeout");
    }, ms);
  }

  /** Small writes are sent at once already. */
  setNoDelay(): this {
    return this;
  }

  /** Nothing to do: a dead mesh host is found by the manager. */
  setKeepAlive(): this {
    return this;
  }

  /** It keeps nothing alive that is not in use. */
  ref(): this {
    return this;
  }

  /** As `ref`. */
  unref(): this {
    return this;
  }

  /** Ends after what was written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }
}
