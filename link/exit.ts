/**
 * The exit of a link that failed to open, attached to the error that says why.
 *
 * @module
 */

import type { LinkExit } from "./link.ts";

/** The same error, with the exit of the link attached. */
export function withExit<E>(error: E, exit: LinkExit): E {
  return error instanceof Error ? Object.assign(error, { exit }) : error;
}

/** The exit attached to an error, if any. */
export function exitOf(error: unknown): LinkExit | undefined {
  if (!(error instanceof Error) || !("exit" in error)) return undefined;
  const exit = error.exit as Partial<LinkExit> | undefined;
  const isExit = typeof exit?.ok === "boolean" && typeof exit.reason === "string" &&
    Array.isArray(exit.stderr);
  return isExit ? exit as LinkExit : undefined;
}
