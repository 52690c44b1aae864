/**
 * The transport of NoRouter's `cmd` field: a command that reaches the host and runs the
 * agent there, with the agent on its standard input and output.
 *
 * | in the manifest | what is run |
 * |---|---|
 * | `cmd: docker exec -i web norouter` | `docker exec -i web norouter agent --automated` |
 * | `cmd: ssh box "/opt/my tools/norouter"` | `ssh` `box` `/opt/my tools/norouter` `agent` `--automated` |
 * | `cmd: ["podman", "exec", "-i", "web", "norouter"]` | each word as it is |
 *
 * @module
 */

import { join, split } from "shlex";
import { SpecError, type Transport } from "./mod.ts";
import { openProcess } from "./process.ts";

/** What NoRouter appends to every command. */
const AGENT_WORDS = ["agent", "--automated"];

/** What {@linkcode cmd} makes of the manifest's value. */
export interface CmdOptions {
  /** The program and its arguments, without the words that start the agent. */
  readonly words: readonly string[];
}

/** Runs a command, given as a string split as a POSIX shell would, or as a list of words. */
export const cmd: Transport<CmdOptions> = {
  name: "cmd",
  parse(spec) {
    const words = typeof spec === "string" ? splitWords(spec) : checkWords(spec);
    if (words.length === 0) throw new SpecError([], "the command is empty");
    if (words[0] === "") throw new SpecError([], "the command's first word is empty");
    return { words };
  },
  // deno-lint-ignore require-await -- a command that cannot start must reject
  async open(options, context) {
    return openProcess([...options.words, ...AGENT_WORDS], context);
  },
  describe: (options) => join([...options.words]),
};

function splitWords(spec: string): string[] {
  if (spec.includes("\0")) {
    throw new SpecError([], "the command contains a NUL character");
  }
  try {
    return split(spec);
  } catch (cause) {
    const why = /quot/.test(String(cause)) ? "a quote is not closed" : String(cause);
    throw new SpecError([], `cannot split the command into words: ${why}: ${spec}`);
  }
}

function checkWords(spec: unknown): string[] {
  if (!Array.isArray(spec)) {
    throw new SpecError([], `wanted a command or a list of words, got ${show(spec)}`);
  }
  return spec.map((word: unknown, index) => {
    if (typeof word !== "string") {
      throw new SpecError(
        [index],
        `wanted a string, got ${show(word)}; put it in quotes`,
      );
    }
    if (word.includes("\0")) {
      throw new SpecError([index], "the word contains a NUL character");
    }
    return word;
  });
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
