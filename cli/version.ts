/**
 * The version of the program, from its only source.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };
import { LWIP_VERSION } from "../stack/lwip/version.ts";

/** The version, such as `0.1.0`. */
export const VERSION: string = config.version;

/** The text of `norouter --version`: the program, its commit, and its parts. */
export function versionLine(): string {
  const parts = [...commit(), `lwIP ${LWIP_VERSION}`, `Deno ${Deno.version.deno}`];
  return `norouter ${VERSION} (${parts.join(", ")})`;
}

/** The commit that an executable was built from; a checkout and a package have none. */
function commit(): string[] {
  try {
    const text = Deno.readTextFileSync(new URL("./build.json", import.meta.url));
    return [`commit ${(JSON.parse(text) as { commit: unknown }).commit}`];
  } catch {
    return [];
  }
}
