/**
 * Leases: when may the memory that frames lie in be used again?
 *
 * Fresh memory is dear: a buffer of 256 KiB costs a page fault for each 4 KiB, several
 * times as much as copying into used memory. So bytes read or copied at full speed lie in
 * buffers of a pool, and a lease counts the holders of a buffer. A holder that forgets to
 * give a lease back only loses the reuse: the buffer is then garbage like any other.
 *
 * @module
 */

/** Counts the holders of a piece of memory; the maker is the first, and drops it too. */
export class Lease {
  #holders = 1;
  readonly #release: () => void;

  /** Calls `release` when the last holder has dropped the lease. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Adds a holder. */
  hold(): void {
    this.#holders++;
  }

  /** Removes a holder. */
  drop(): void {
    if (--this.#holders === 0) this.#release();
  }
}

/** Buffers of the same size that are used again and again. */
export class BufferPool {
  /** Size of each buffer, in bytes. */
  readonly bytes: number;
  readonly #most: number;
  readonly #free: ArrayBuffer[] = [];

  /** Keeps at most `most` unused buffers of `bytes`. */
  constructor(bytes: number, most: number) {
    this.bytes = bytes;
    this.#most = most;
  }

  /** A buffer with any content. */
  take(): ArrayBuffer {
    return this.#free.pop() ?? new ArrayBuffer(this.bytes);
  }

  /** Keeps no unused buffer for now. */
  clear(): void {
    this.#free.length = 0;
  }

  /** Gives back a buffer that nobody looks at any more; other sizes are left alone. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.bytes && this.#free.length < this.#most) {
      this.#free.push(buffer);
    }
  }
}
