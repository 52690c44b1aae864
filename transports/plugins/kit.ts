/**
 * What plug-ins are given, so that each can be one file that imports nothing.
 *
 * @module
 */
import { type PluginKit, SpecError } from "../mod.ts";
import { openProcess } from "../command/process.ts";

/** What plug-ins are given, also for their tests. */
export const kit: PluginKit = {
  SpecError,
  openProcess: (words, context) => openProcess(words, context),
};
