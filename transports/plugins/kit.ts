/**
 * The tools for plug-ins, so that each can be a single file that imports nothing.
 *
 * @module
 */
import { type PluginKit, SpecError } from "../mod.ts";
import { openProcess } from "../command/process.ts";
import { agentWords } from "../command/words.ts";

/** The tools for plug-ins, also for their tests. */
export const kit: PluginKit = {
  SpecError,
  openProcess: (words, context) => openProcess(words, context),
  agentWords: ({ attach }) => agentWords(attach),
};
