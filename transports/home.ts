/**
 * `~` at the beginning of a path, which a shell would have replaced.
 *
 * @module
 */

/** The path with this user's home for `~`; as it is where there is none. */
export function expandHome(path: string): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  const home = Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME");
  return home ? home + path.slice(1) : path;
}
