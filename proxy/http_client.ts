/** A client of the HTTP proxy, in the shape that Node's server wants. */
import { StreamDuplex } from "./duplex.ts";
import { LINGER_BYTES, LINGER_MS } from "./farewell.ts";
import type { SocketStream } from "./stream.ts";

/**
 * Beyond what a duplex does, its requests have their turn one after the other, however many
 * it sends at once, and its end waits until the client had a chance to read the last words.
 */
export class HttpClient extends StreamDuplex<SocketStream> {
  /** Requests that are not done with, the one that has its turn among them. */
  #open = 0;
  #turn: Promise<void> = Promise.resolve();
  #wantsMore = false;
  #isRefused = false;
  #isLeaving = false;
  #isDetached = false;
  /** Since when none is open. */
  #idleSince = performance.now();
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #halfClosedMs: number | undefined;
  #halfClosedTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Without a request, it ends after `idleMs`, whatever it sends meanwhile: Node's limits do
   * not run between an answer and the first byte of the next request line.
   *
   * A client that ended its direction looks the same whether it waits for its answers or
   * left, until something is written to it. So after each `halfClosedMs` in which nothing
   * is, it emits `silent`.
   */
  constructor(
    stream: SocketStream,
    { idleMs, halfClosedMs }: {
      readonly idleMs?: number;
      readonly halfClosedMs?: number;
    } = {},
  ) {
    super(stream);
    this.#halfClosedMs = halfClosedMs;
    this.once("end", () => this.halfClose());
    if (idleMs !== undefined) this.#watchIdle(idleMs, idleMs);
  }

  /** It ended its direction, as whoever reads it has noticed. */
  halfClose(): void {
    const limit = this.#halfClosedMs;
    if (limit !== undefined && !this.#isDetached) this.#watchHalfClosed(limit, limit);
  }

  #watchHalfClosed(limit: number, wait: number): void {
    if (this.destroyed) return;
    this.#halfClosedTimer = setTimeout(() => {
      const left = limit - this.silence;
      if (left <= 1) this.emit("silent");
      this.#watchHalfClosed(limit, left > 1 ? left : limit);
    }, wait);
  }

  #watchIdle(limit: number, wait: number): void {
    this.#idleTimer = setTimeout(() => {
      const idle = this.#open > 0 ? 0 : performance.now() - this.#idleSince;
      if (limit - idle > 1) this.#watchIdle(limit, limit - idle);
      else this.destroySoon();
    }, wait);
  }

  /** Requests that are not done with. */
  get open(): number {
    return this.#open;
  }

  /** Whether its last answer is said; what it sends now is not looked at. */
  get isLeaving(): boolean {
    return this.#isRefused || this.#isLeaving;
  }

  /** Ends with these words, after the answers that come before. */
  async refuse(words: Uint8Array): Promise<void> {
    this.#isRefused = true;
    await this.#turn;
    if (this.writable) this.write(words);
    this.destroySoon();
  }

  /**
   * Runs `exchange` when those before it have settled, unless the client left by then.
   * Nothing is read ahead while one waits: a client cannot have a thousand requests under
   * way, nor a thousand waiting.
   */
  async inTurn(exchange: () => Promise<void>): Promise<void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    this.#open++;
    try {
      await before;
      if (!this.destroyed) await exchange();
    } finally {
      this.#open--;
      this.#idleSince = performance.now();
      resolve();
      if (this.#wantsMore) this._read();
    }
  }

  /** Settles when the last of its requests is done with. */
  get idle(): Promise<void> {
    return this.#turn;
  }

  /** Settles when it has ended. */
  get gone(): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => this.once("close", resolve));
  }

  /** Its connection failed, as whoever reads it has noticed; nothing if it was taken out. */
  abandon(error: Error): void {
    if (!this.#isDetached) this.destroy(error);
  }

  /** Whether its stream was taken out. */
  get isDetached(): boolean {
    return this.#isDetached;
  }

  override detach(): SocketStream {
    this.#isDetached = true;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#halfClosedTimer);
    return super.detach();
  }

  override _read(): void {
    this.#wantsMore = this.#open > 1;
    if (!this.#wantsMore) super._read();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#halfClosedTimer);
    super._destroy(error, done);
  }

  /** Ends after what was written, and after the client has read it. */
  override destroySoon(): void {
    if (this.#isLeaving || this.destroyed) return;
    this.#isLeaving = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = LINGER_BYTES;
    this.removeAllListeners("data"); // the parser's, and its opinion of how it ends
    this.removeAllListeners("end");
    this.on("data", (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) this.destroy();
    });
    this.once("finish", () => {
      timer = setTimeout(() => this.destroy(), LINGER_MS);
      if (this.readableEnded) this.destroy();
    });
    this.once("close", () => clearTimeout(timer));
    this.once("end", () => {
      if (this.writableFinished) this.destroy();
    });
    if (this.writable) this.end();
    else if (this.writableFinished) this.destroy();
    this.resume();
  }
}
