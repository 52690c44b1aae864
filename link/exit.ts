/**
 * How a link ended that was being opened, told with the error that says why it could not be.
 *
 * @module
 */

import type { LinkExit } from "./link.ts";

/** The same error, which says from now on how what was started has ended. */
export function withExit<E>(error: E, exit: LinkExit): E {
  return error instanceof Error ? Object.assign(error, { exit }) : error;
}

/** What an error says of that, if it does. */
export function exitOf(error: unknown): LinkExit | undefined {
  if (!(error instanceof Error) || !("exit" in error)) return undefined;
  const exit = error.exit as Partial<LinkExit> | undefined;
  const isExit = typeof exit?.ok === "boolean" && typeof exit.reason === "string" &&
    Array.isArray(exit.stderr);
  return isExit ? exit as LinkExit : undefined;
}
