// The version of the program, from the one place that states it.
import config from "../deno.json" with { type: "json" };

/** The version, such as `0.1.0`. */
export const VERSION: string = config.version;

/** What `norouter --version` prints. */
export const VERSION_LINE = `norouter ${VERSION}`;
