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

/** The answer to a word that is none of the commands, and resembles perhaps none. */
export function unknownCommand(
  word: string,
  commands: readonly string[],
  otherwise = "",
): string {
  return `unknown command ${quote(word)}${didYouMean(word, commands) || otherwise}`;
}
