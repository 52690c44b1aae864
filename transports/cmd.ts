/**
 * The transport of NoRouter's `cmd` field: a command that reaches the host and runs the
 * agent there, with the agent on its standard input and output.
 *
 * | in the manifest | command |
 * |---|---|
 * | `cmd: docker exec -i web norouter` | `docker exec -i web norouter agent --automated` |
 * | `cmd: ssh box "/opt/my tools/norouter"` | `ssh` `box` `/opt/my tools/norouter` `agent` `--automated` |
 * | `cmd: ["podman", "exec", "-i", "web", "norouter"]` | each word unchanged |
 *
 * @module
 */
import { join } from "shlex";
import { isProgramMissing } from "./command/exec.ts";
import type { LinkExit, Transport } from "./mod.ts";
import { openProcess } from "./command/process.ts";
import { agentWords, readWords } from "./command/words.ts";

/** The manifest's value, as read by {@linkcode cmd}. */
export interface CmdOptions {
  /** The program and its arguments, without the words that start the agent. */
  readonly words: readonly string[];
}

/**
 * Runs a command, given as a string split as a POSIX shell would, or as a list of words.
 */
export const cmd: Transport<CmdOptions> = {
  name: "cmd",
  parse: (spec) => ({ words: readWords(spec) }),
  // deno-lint-ignore require-await -- a command that cannot start must reject
  async open(options, context) {
    return openProcess([...options.words, ...agentWords(context.attach)], context, {
      hint: missingHint,
    });
  },
  describe: (options) => join([...options.words]),
};

/** A command runs an agent that is there; the other transports bring the agent along. */
function missingHint(exit: LinkExit): string | undefined {
  if (!isProgramMissing(exit)) return undefined;
  return `norouter is not there, it seems: with "docker", "podman", "kubectl", "lxc" or ` +
    `"ssh" in place of "cmd" it is put there by itself; else install it, or write its ` +
    `whole path`;
}
