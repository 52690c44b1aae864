/**
 * A path from the manifest, as this host understands it.
 *
 *   ~  ~/x         the home directory: $HOME, or the entry in the system's user database
 *   $VAR  ${VAR}   the agent's environment, once: the value of a variable is not expanded
 *   ~name  ${}     errors, as is a variable that is not set
 *   $  $1  $$      themselves
 *
 * home_test.ts has the same table.
 *
 * @module
 */

import { userInfo } from "node:os";

/** Where the values come from. */
export interface Surroundings {
  /** A variable of the environment, undefined if not set. */
  readonly env: (name: string) => string | undefined;
  /** The home directory by the system's user database; may throw. */
  readonly home: () => string;
}

const SYSTEM: Surroundings = {
  env: (name) => Deno.env.get(name),
  home: () => userInfo().homedir,
};

/**
 * Expands `~` at the start of a path and variables anywhere in a path.
 *
 * @throws {Error} that names the path and the part that cannot be expanded.
 */
export function expandPath(path: string, from: Surroundings = SYSTEM): string {
  const expanded = path.replace(
    /\$\{([^}]*)(\}?)|\$([A-Za-z_]\w*)/g,
    (whole, braced: string | undefined, end: string | undefined, plain: string) => {
      if (braced !== undefined && (end === "" || !/^[A-Za-z_]\w*$/.test(braced))) {
        throw new Error(
          `Cannot expand "${path}": "${whole}" is no variable, like "\${NAME}"`,
        );
      }
      const name = braced ?? plain;
      const value = from.env(name);
      if (value !== undefined) return value;
      // Some ways into a container set no HOME; the home directory is there all the same.
      if (name === "HOME") return homeOf(path, from);
      throw new Error(`Cannot expand "${path}": the variable ${name} is not set here`);
    },
  );
  if (!expanded.startsWith("~")) return expanded;
  const rest = expanded.slice(1);
  const isHome = rest === "" || rest.startsWith("/") ||
    Deno.build.os === "windows" && rest.startsWith("\\");
  if (!isHome) {
    throw new Error(`Cannot expand "${path}": "~" has to be alone or before a "/"`);
  }
  const home = homeOf(path, from);
  return rest === "" ? home : home.replace(/[/\\]$/, "") + rest;
}

function homeOf(path: string, from: Surroundings): string {
  const home = from.env("HOME");
  if (home) return home;
  try {
    const known = from.home();
    if (known) return known;
  } catch (cause) {
    const message = `Cannot expand "${path}": this user has no home directory`;
    throw new Error(message, { cause });
  }
  throw new Error(`Cannot expand "${path}": this user has no home directory`);
}
