/**
 * What a plug-in is made of, and what it is given so that it can be one file that imports
 * nothing.
 *
 * @module
 */

import { type Link, type OpenContext, SpecError, type Transport } from "./mod.ts";
import { openProcess } from "./process.ts";

/**
 * The default export of a plug-in: a transport, or a function that makes one with what it
 * is given.
 */
// deno-lint-ignore no-explicit-any -- only the transport knows its options
export type Plugin = Transport<any> | ((kit: PluginKit) => Transport<any>);

/** What a plug-in is given. */
export interface PluginKit {
  /** The error for a mistake in the manifest's value. */
  readonly SpecError: typeof SpecError;
  /**
   * Starts a command on this machine and gives its link, with all that the contract asks of
   * one. What the command writes to its standard error is shown.
   *
   * @param words the program and its arguments; no shell is involved.
   * @throws {Error} if it cannot be started.
   */
  openProcess(words: readonly string[], context: OpenContext): Link;
}

/** What plug-ins are given, also for their tests. */
export const kit: PluginKit = {
  SpecError,
  openProcess: (words, context) => openProcess(words, context),
};
