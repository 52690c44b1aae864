/**
 * Completions for shells: `norouter complete zsh` prints the script that asks us back.
 *
 * Bash has a script of ours: the library's stops when sourced a second time, and without
 * the package bash-completion.
 *
 * @module
 */
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { runningMeshes } from "../../control/place.ts";
import { LIVE_COMMANDS } from "./live_commands.ts";
import bash from "../complete.bash" with { type: "text" };

/** Adds the command `complete`, and completes manifests where a manifest is wanted. */
export function addCompletions(program: Command): void {
  const completion = tab(program);
  const setup = completion.setup.bind(completion);
  completion.setup = (name, executable, shell) => {
    if (shell === "bash") console.log(bash.trimEnd());
    else setup(name, executable, shell);
  };
  const offerFiles = (offer: (value: string, description: string) => void): void => {
    // The library does not tell the word at the cursor: the last of the command line.
    for (const path of manifestsLike(Deno.args.at(-1) ?? "")) offer(path, "");
  };
  completion.argument("FILE", offerFiles, true);
  for (const name of ["up", "check", "clean"]) {
    completion.commands.get(name)?.argument("FILE", offerFiles);
  }
  for (const [name, command] of completion.commands) {
    if (!LIVE_COMMANDS.includes(name.split(" ")[0]!)) continue;
    command.option("mesh", "which, if several run", (offer) => {
      for (const { name, manifest } of runningMeshes()) offer(name, manifest);
    });
  }
}

/** Manifests, and folders that may hold some, whose paths begin with the typed word. */
export function manifestsLike(word: string): string[] {
  const folder = word.slice(0, word.lastIndexOf("/") + 1);
  try {
    return [...Deno.readDirSync(folder || ".")]
      .filter(({ name, isDirectory }) => isDirectory || /\.ya?ml$/i.test(name))
      .map(({ name, isDirectory }) => folder + name + (isDirectory ? "/" : ""))
      .filter((path) => path.startsWith(word))
      .sort();
  } catch {
    return []; // a folder that is absent, or not ours to read
  }
}
