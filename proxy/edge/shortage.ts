/**
 * The wait for memory of the stack: there is room to send, but no block to send from.
 *
 * `writable` holds senders back while memory is short. Between its word and the request
 * for a block others may take the last block; then a sender looks again after a while.
 *
 * @module
 */

/** Milliseconds until a sender looks again. */
const SHORTAGE_MS = 20;

/** Settles when it is time to look again. */
export function memoryMayBeFree(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SHORTAGE_MS));
}
