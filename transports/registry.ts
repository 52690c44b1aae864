/**
 * The transports that come with the program, by the manifest field that names them.
 *
 * @module
 */

import { cmd } from "./cmd.ts";
import type { Transport } from "./mod.ts";

/** The built-in transports by name. */
export const builtinTransports: ReadonlyMap<string, Transport> = new Map(
  [cmd].map((transport) => [transport.name, transport as Transport]),
);
