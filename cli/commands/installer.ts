/**
 * `norouter show-installer`: the script that installs an executable of a release.
 *
 * Of a module, not read beside it: an executable of a single file carries the script too.
 *
 * @module
 */
import template from "../install.sh" with { type: "text" };
import { VERSION } from "../version.ts";

/** Where releases are: a folder for each, `v` and its version. */
const RELEASES = "https://github.com/norouter/norouter-deno/releases/download";

/** The release that the script installs, unless its environment says otherwise. */
export interface InstallerOptions {
  /** The version; that of this program by default. */
  readonly version?: string;
  /** The folder of the releases' folders, as a URL without a slash at the end. */
  readonly releases?: string;
}

/** The script, for a POSIX shell. Its variables stand at its top. */
export function installer(
  { version = VERSION, releases = RELEASES }: InstallerOptions = {},
): string {
  return template.replaceAll("@VERSION@", () => version)
    .replaceAll("@RELEASES@", () => releases);
}
