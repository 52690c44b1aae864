/**
 * Leases: when may the memory that frames lie in be used again?
 *
 * Fresh memory is dear: a buffer of 256 KiB costs a page fault for each 4 KiB, several
 * times as much as copying into one that was used before. So what is read or copied at
 * full speed lies in buffers of a pool, and a lease counts who still looks at one. Who
 * forgets to give a lease back only loses the reuse: the buffer is then garbage like any
 * other.
 *
 * @module
 */

/** Counts the holders of a piece of memory; made with one, who is to `drop` it too. */
export class Lease {
  #holders = 1;
  readonly #release: () => void;

  /** Calls `release` when the last holder has dropped it. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** One more holder. */
  hold(): void {
    this.#holders++;
  }

  /** One holder less. */
  drop(): void {
    if (--this.#holders === 0) this.#release();
  }
}

/** Buffers of one size that are used again and again. */
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

  /** A buffer with anything in it. */
  take(): ArrayBuffer {
    return this.#free.pop() ?? new ArrayBuffer(this.bytes);
  }

  /** Gives back a buffer that nobody looks at any more; one of another size is left alone. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.bytes && this.#free.length < this.#most) {
      this.#free.push(buffer);
    }
  }
}
