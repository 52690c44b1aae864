/**
 * Notices that a client leaves while something is dialled for it.
 *
 * Only a read can tell, and a read of a socket that is under way cannot be taken back. So
 * what was read ahead is given to whoever reads the socket next, before anything else.
 */

/** Bytes that are read ahead; a client that sent more is not watched any longer. */
const MOST_BYTES = 64 * 1024;
const FIRST_BYTES = 4096;

/** Reads a socket, which nobody else may do until `giveBack`. */
export class ReadAhead {
  readonly #socket: Deno.TcpConn;
  #buffer: Uint8Array<ArrayBuffer>;
  #size: number;
  #isOver = false;
  readonly #reading: Promise<void>;

  /**
   * `first` was read already. `onGone` is called when the connection fails or, with nothing
   * sent ahead, ends: that is how it looks when a client closes it. Who sent something and
   * ends its direction may still wait for an answer.
   */
  constructor(socket: Deno.TcpConn, first: Uint8Array, onGone: (error: Error) => void) {
    this.#socket = socket;
    this.#size = first.length;
    this.#buffer = new Uint8Array(Math.max(FIRST_BYTES, first.length));
    this.#buffer.set(first);
    this.#reading = this.#read(onGone);
    this.#reading.catch(onGone);
  }

  /** Stops; the next reads of the socket bring what was read, then what comes. */
  giveBack(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    let at = 0;
    // The socket itself is what is handed on, so it is its `read` that has to change, and
    // to change back: what comes then is read as if nothing had been.
    this.#socket.read = async (into) => {
      if (at === this.#size) await this.#reading;
      if (at === this.#size) {
        Reflect.deleteProperty(this.#socket, "read");
        return await this.#socket.read(into);
      }
      const part = this.#buffer.subarray(at, Math.min(at + into.length, this.#size));
      into.set(part);
      at += part.length;
      return part.length;
    };
  }

  async #read(onGone: (error: Error) => void): Promise<void> {
    while (!this.#isOver && this.#size < MOST_BYTES) {
      if (this.#size === this.#buffer.length) this.#grow();
      const got = await this.#socket.read(this.#buffer.subarray(this.#size));
      if (got === null) {
        if (this.#size === 0) onGone(new Error("the client left"));
        return;
      }
      this.#size += got;
    }
  }

  #grow(): void {
    const grown = new Uint8Array(Math.min(2 * this.#size, MOST_BYTES));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}
