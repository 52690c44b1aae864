/**
 * The transports that come with the program, by the manifest field that names them.
 *
 * @module
 */
import { cmd } from "./cmd.ts";
import { docker } from "./docker.ts";
import { kubectl } from "./kubectl.ts";
import { lxc } from "./lxc.ts";
import type { Transport } from "./mod.ts";
import { podman } from "./podman.ts";
import { ssh } from "./ssh.ts";

/** The built-in transports by name. */
export const builtinTransports: ReadonlyMap<string, Transport> = new Map(
  [cmd, docker, podman, kubectl, lxc, ssh].map((
    transport,
  ) => [transport.name, transport as Transport]),
);
