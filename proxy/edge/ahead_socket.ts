/**
 * A socket whose next bytes were read already.
 *
 * @module
 */
import type { ReadAhead } from "./read_ahead.ts";

/**
 * The socket, whose reads bring first the bytes that were read ahead, then those that
 * come.
 */
export class AheadSocket implements Deno.TcpConn {
  readonly #socket: Deno.TcpConn;
  /** Until all these bytes were read. */
  #ahead: ReadAhead | undefined;

  /** Takes `ahead`, which read `socket` until now. */
  constructor(socket: Deno.TcpConn, ahead: ReadAhead) {
    ahead.unwatch();
    ahead.onEnd = ahead.onBytes = undefined;
    this.#socket = socket;
    this.#ahead = ahead;
  }

  read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    return this.#ahead ? this.#readHeld(this.#ahead, into) : this.#socket.read(into);
  }

  async #readHeld(
    ahead: ReadAhead,
    into: Uint8Array<ArrayBuffer>,
  ): Promise<number | null> {
    if (ahead.size === 0 && ahead.isReading) await ahead.fill();
    if (ahead.size > 0) {
      const part = ahead.held.subarray(0, into.length);
      into.set(part);
      ahead.consume(part.length);
      return part.length;
    }
    if (ahead.ended) throw ahead.ended;
    if (ahead.ended === null) return null;
    this.#ahead = undefined;
    return await this.#socket.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  get localAddr(): Deno.NetAddr {
    return this.#socket.localAddr;
  }

  get remoteAddr(): Deno.NetAddr {
    return this.#socket.remoteAddr;
  }

  setNoDelay(isOn?: boolean): void {
    this.#socket.setNoDelay(isOn);
  }

  setKeepAlive(isOn?: boolean): void {
    this.#socket.setKeepAlive(isOn);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    throw new Error("A socket that was read ahead has no streams");
  }

  get writable(): WritableStream<Uint8Array<ArrayBufferLike>> {
    throw new Error("A socket that was read ahead has no streams");
  }
}
