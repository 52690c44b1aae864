/**
 * The contract of a link: a duplex of bytes with an agent at its other end.
 *
 * @module
 */

/**
 * A duplex of bytes with an agent at its other end.
 *
 * - **Bytes, not messages.** Bytes arrive whole and in order, but in any partition: a
 *   read may bring less than a write or more than several. `readable` is a byte stream
 *   (with a BYOB reader) where the transport can provide that.
 * - **Ownership.** A chunk given to `writable` belongs to the link from then on and must
 *   not be changed, because a link may hand the very same memory to its reader; unless
 *   the link says otherwise by `releasesChunks`. A chunk read belongs to the reader.
 * - **Back-pressure.** A write settles when the link has taken the bytes. While the other
 *   end does not read, a link takes a bounded amount (some MiB at most) and then lets the
 *   writes wait. A link never drops bytes and never grows.
 * - **End of input.** Closing `writable` is end of input for the agent, which finishes,
 *   ends its output, and goes away; bytes written before arrive first. The two directions
 *   end apart: `readable` goes on until the agent ends its output.
 * - **After the end.** Writes to an ended link fail; reads give end of stream behind the
 *   bytes that had arrived. They fail or end, and never wait for ever. Cancelling
 *   `readable` makes the agent's writes fail.
 * - **`closed`** settles always, never rejects, and may settle before the last bytes were
 *   read. Should something else still hold the agent's output open (a process that made a
 *   session of its own), `readable` need not end by itself; a reader then gives up a
 *   moment after `closed`.
 */
export interface Link {
  /** The bytes from the agent. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The bytes to the agent. Closing this stream is the orderly way to end an agent. */
  readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  /**
   * Whether a settled write means that the link no longer looks at the chunk, so that its
   * memory may be used again: true where bytes are copied out, as to a process. Absent
   * means no.
   */
  readonly releasesChunks?: boolean;
  /** How and why the link ended. Settles exactly once and never rejects. */
  readonly closed: Promise<LinkExit>;
  /**
   * Ends the link by force, at the latest within two seconds, without waiting for the
   * agent: pending reads and writes end or fail, and `closed` settles with `ok: false`
   * and this reason. Harmless when called again or after the end.
   */
  abort(reason: string): void;
}

/** How a link ended. */
export interface LinkExit {
  /** Whether the other end went away in an orderly manner (for a command: status 0). */
  readonly ok: boolean;
  /** The exit status, if the other end has one. */
  readonly status?: number;
  /** The signal, if any, that ended the process, such as `SIGKILL`. */
  readonly signal?: string;
  /**
   * The event, to stand after "the link ended: ", such as `docker exited with status 1`.
   */
  readonly reason: string;
  /**
   * The last lines (some 20 at most) of text the other end wrote beside the link, oldest
   * first.
   */
  readonly stderr: readonly string[];
  /**
   * Advice to the user, if the transport has any, to stand in brackets after all else.
   */
  readonly hint?: string;
}
