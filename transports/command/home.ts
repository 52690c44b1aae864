/**
 * Paths of files that a manifest names: `~` at their beginning, which a shell would have
 * replaced, and relative paths.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import type { SpecPlace } from "../mod.ts";

/**
 * A path that begins where its manifest lies, as a plug-in's does. Those that the client
 * expands, by `~`, `%d` or `${VARIABLE}` in front, stay as they are.
 */
export function fromManifest(path: string, place?: SpecPlace): string {
  const folder = place?.folder ?? ".";
  if (folder === "." || isAbsolute(path) || /^[~%$]/.test(path)) return path;
  return join(folder, path);
}

/** The path with this user's home for `~`; unchanged where there is no home. */
export function expandHome(path: string): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  const home = Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME");
  return home ? home + path.slice(1) : path;
}
