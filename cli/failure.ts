/**
 * A command that failed: the words for the user, and the exit status.
 *
 * @module
 */
import { ReaderGoneError } from "./console/console.ts";
import { openLog } from "./console/log.ts";
import type { GlobalOptions } from "./options.ts";
import { messageOf } from "../wire/text.ts";

/** A failure that nothing else has told: its message for the user, more with --debug. */
export function fail(error: unknown, options: Partial<GlobalOptions>): number {
  if (error instanceof ReaderGoneError) return 1; // the reader has seen enough
  const message = messageOf(error);
  const stack = error instanceof Error && options.debug ? `\n${error.stack}` : "";
  openLog(options).event({ level: "error", type: "failed", message: message + stack });
  return 1;
}
