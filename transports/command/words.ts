/**
 * A command as users write it: text that is split as a POSIX shell would, or a list in
 * which each word stands unchanged.
 *
 * @module
 */
import { split } from "shlex";
import { SpecError } from "../mod.ts";

/** The words that NoRouter appends to every command that starts an agent. */
export const AGENT_WORDS: readonly string[] = ["agent", "--automated"];

/**
 * The same words, with the agent to go back to if there is one.
 *
 * @throws {Error} as {@linkcode assertAgentId} does.
 */
export function agentWords(attach: string | undefined): readonly string[] {
  if (attach === undefined) return AGENT_WORDS;
  assertAgentId(attach);
  return [...AGENT_WORDS, "--attach", attach];
}

/**
 * Checks the name of an agent, which becomes a word of commands and a part of paths.
 *
 * @throws {Error} if it is another than 16 hexadecimal digits.
 */
export function assertAgentId(id: string): void {
  if (/^[0-9a-f]{16}$/.test(id)) return;
  throw new Error(`${show(id)} names no agent: wanted 16 hexadecimal digits`);
}

/**
 * Reads a command.
 *
 * @throws {SpecError} if the value is no command, or empty.
 */
export function readWords(spec: unknown): string[] {
  const words = typeof spec === "string" ? splitWords(spec) : checkWords(spec);
  if (words.length === 0) throw new SpecError([], "the command is empty");
  if (words[0] === "") throw new SpecError([], "the command's first word is empty");
  return words;
}

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

/** A value of the manifest, for a message. */
export function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
