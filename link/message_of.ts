/**
 * The words of whatever was thrown.
 *
 * @module
 */

/** An error's message; anything else as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
