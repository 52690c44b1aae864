/**
 * Sockets of the kernel: writing all of a buffer, and the ways to end a socket.
 *
 * @module
 */
import { resetConnection } from "./reset.ts";

/** Writes all of `bytes`: a write may take only some of them. */
export async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await socket.write(at === 0 ? bytes : bytes.subarray(at));
  }
}

/** Ends the direction to the peer; no error if the peer ended both already. */
export async function closeWrite(socket: Deno.TcpConn): Promise<void> {
  try {
    await socket.closeWrite();
  } catch (error) {
    // The peer ended both directions already; there is nobody left to tell.
    if (!(error instanceof Deno.errors.NotConnected)) throw error;
  }
}

/**
 * A socket of a single owner, who ends it once: the first way that is asked for counts.
 */
export class OwnedSocket {
  /** The socket, for whoever takes it over. */
  readonly socket: Deno.TcpConn;
  #hasEnded = false;

  /** Takes over `socket`. */
  constructor(socket: Deno.TcpConn) {
    this.socket = socket;
  }

  /**
   * Whether its end was asked for; the socket may be open for some milliseconds after
   * that.
   */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Ends both directions at once; the peer sees a reset. */
  reset(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    resetConnection(this.socket);
  }

  /** Lets go: bytes that were written, and an end, are still delivered. */
  close(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.socket.close();
  }
}
