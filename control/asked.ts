/**
 * A request on a control socket, as its answers see it.
 *
 * @module
 */

/** A request. */
export interface Asked {
  readonly method: string;
  /** As written: mostly a path and a query. */
  readonly target: string;
  /** The forms that the answer may have, as HTTP writes them. */
  readonly accept?: string | undefined;
  /** Bytes of the body, if that was said. */
  readonly length: number | undefined;
  /** The parts of the body, which may be read once. @throws {Error} where it breaks off. */
  body(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}
