/**
 * A refusal: what a command asks for cannot be done, because of what there is.
 *
 * @module
 */

/** A command that cannot be done, because of what there is. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** Whether the thing named is not there; else it is there, and in the way. */
  readonly isMissing: boolean;

  constructor(message: string, { isMissing = false } = {}) {
    super(message);
    this.isMissing = isMissing;
  }
}
