/**
 * A two-way stream of bytes, for code that speaks a protocol itself: the proxies before
 * their connection is made, name server and name client.
 *
 * Bulk goes through `splice.ts`.
 *
 * @module
 */
import { systemPace } from "../../link/pace.ts";
import type { TcpConnection } from "../../stack/tcp.ts";
import { memoryMayBeFree } from "./shortage.ts";
import { closeWrite, OwnedSocket, writeAll } from "./socket.ts";

/**
 * A socket of the kernel, or a connection of the stack that is open. At most one `read`
 * and one `write` may be under way. After `reset` or `close` both reject; the two may be
 * called at any time and again, and the first counts.
 */
export interface ByteStream {
  /** Reads a byte or more into `into`; how many, or null at the end of the stream. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes all of `bytes`, which are the caller's again when the promise settles. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the direction to the peer, behind the bytes written. */
  closeWrite(): Promise<void>;
  /** Ends both directions at once; the peer sees a reset. */
  reset(): void;
  /**
   * Lets go: bytes written, and an end, are still delivered; without an end the peer sees
   * a reset.
   */
  close(): void;
}

/** A socket as a stream. */
export class SocketStream extends OwnedSocket implements ByteStream {
  #isWriting = false;
  /** A write has met a reset before any end. */
  #wasReset: Error | undefined;

  async read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (this.hasEnded) return await rejected();
    const got = await this.socket.read(into);
    if (got !== null) return got;
    // The kernel tells of a reset once: if that was a write, a read sees an end.
    if (this.#isWriting) await systemPace.rest();
    if (this.#wasReset) throw this.#wasReset;
    return null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.hasEnded) return await rejected();
    this.#isWriting = true;
    try {
      await writeAll(this.socket, bytes);
    } catch (error) {
      // Behind an end it is a broken pipe.
      if (error instanceof Deno.errors.ConnectionReset) this.#wasReset = error;
      throw error;
    } finally {
      this.#isWriting = false;
    }
  }

  closeWrite(): Promise<void> {
    return closeWrite(this.socket);
  }
}

function rejected(): Promise<never> {
  return Promise.reject(new Error("The stream was closed"));
}

/** Bytes of a block that a write asks for. */
const BLOCK_BYTES = 65_536;

/** An open connection of the stack as a stream. */
export class MeshStream implements ByteStream {
  /** The connection, for whoever takes it over. */
  readonly connection: TcpConnection;
  #closed = false;

  /** Takes over `connection`, whose `opened()` has settled. */
  constructor(connection: TcpConnection) {
    this.connection = connection;
  }

  async read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    const isMore = await this.connection.readable();
    if (this.#closed) throw new Error("The stream was closed");
    if (!isMore) return null;
    let filled = 0;
    while (filled < into.length) {
      const bytes = this.connection.peek().subarray(0, into.length - filled);
      if (bytes.length === 0) break;
      into.set(bytes, filled);
      this.connection.consume(bytes.length);
      filled += bytes.length;
    }
    return filled;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { connection } = this;
    for (let at = 0; at < bytes.length;) {
      const room = await connection.writable();
      const left = Math.min(bytes.length - at, room, BLOCK_BYTES);
      const block = connection.allocate(left);
      if (!block) { // memory got short just now
        await memoryMayBeFree();
        continue;
      }
      const part = bytes.subarray(at, at + Math.min(left, block.bytes.length));
      block.bytes.set(part);
      let result: "taken" | "copied" | undefined;
      try {
        result = connection.send(block, part.length);
      } finally {
        if (result !== "taken") connection.free(block);
      }
      at += part.length;
    }
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return rejected();
    this.connection.shutdown();
    return Promise.resolve();
  }

  reset(): void {
    this.connection.abort();
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.connection.release();
  }
}
