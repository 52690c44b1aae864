/**
 * Tells whether a word is a command or a manifest, where either may stand.
 *
 *   "mesh.yaml", "mesh.yml"   a manifest, existing or not
 *   "./mesh", "conf/mesh"     a manifest
 *   "-"                       a manifest, from standard input
 *   "mesh"                    a manifest if there is such a file, else no command we know
 *
 * words_test.ts has the same table.
 *
 * @module
 */
import { fstatSync } from "node:fs";
import { didYouMean } from "../manifest/fields.ts";
import { quote } from "../manifest/source/value.ts";

/** True if the word, which is no command's name, stands for a manifest. */
export function isFile(word: string): boolean {
  if (word === "-" || /\.ya?ml$|\//i.test(word)) return true;
  if (Deno.build.os === "windows" && word.includes("\\")) return true;
  try {
    Deno.statSync(word);
    return true;
  } catch {
    return false;
  }
}

/**
 * The answer to no word at all. A manager gives the arguments of the agent to the command of
 * a host, which may be a script that forgets them.
 */
export function noFile(): string {
  const hint = `"norouter show-example" shows one, "norouter --help" all commands`;
  const forgotten = isLinked()
    ? `; if the command of a host has started this, it has to pass its arguments on ("$@")`
    : "";
  return `a manifest FILE is missing; ${hint}${forgotten}`;
}

/** Whether standard input may be a link. */
function isLinked(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket();
  } catch {
    return false; // closed
  }
}

/** The answer to a word that is none of the commands, and resembles perhaps none. */
export function unknownCommand(
  word: string,
  commands: readonly string[],
  otherwise = "",
): string {
  return `unknown command ${quote(word)}${didYouMean(word, commands) || otherwise}`;
}
