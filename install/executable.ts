/** What a portable executable tells the program in its environment. */

/** Variables of `release/launcher.sh` and `release/folder.sh`, for the program alone. */
const OWN = ["NOROUTER_EXECUTABLE", "NOROUTER_DENO_DIR", "DENO_NO_UPDATE_CHECK"];

let path: string | undefined;

/** The file that the user started, if it is a portable executable. */
export function portableExecutable(): string | undefined {
  return path;
}

/**
 * Takes it out again, so that commands which the manager starts have their user's
 * environment. `DENO_DIR` was set to where the runtime that is carried keeps its caches; the
 * user's own deno must not share it.
 */
export function cleanEnvironment(): void {
  path = Deno.env.get("NOROUTER_EXECUTABLE");
  if (path === undefined) return;
  const theirs = Deno.env.get("NOROUTER_DENO_DIR");
  if (theirs) Deno.env.set("DENO_DIR", theirs);
  else if (theirs === "") Deno.env.delete("DENO_DIR");
  for (const name of OWN) Deno.env.delete(name);
}
