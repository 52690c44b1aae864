/**
 * Containers of Podman, reached by `podman exec`: those of the user who starts the mesh
 * or, through a connection or `program: sudo podman`, of somebody else.
 *
 * | in the manifest | what is run |
 * |---|---|
 * | `podman: api` | `podman exec -i api norouter agent --automated` |
 * | `podman: {container: api, connection: vm-root}` | `podman --connection=vm-root exec -i api norouter …` |
 *
 * @module
 */

import { CONTAINER_ROOM, containerFiles } from "./container_files.ts";
import { containerExec } from "./docker.ts";
import { execTransport } from "./command/exec.ts";
import {
  name,
  type OptionsOf,
  readSpec,
  text,
  textOrNumber,
  variables,
} from "./command/spec.ts";
import { readWords } from "./command/words.ts";

const OPTIONS = {
  container: name("a container's name or id"),
  connection: text("one of Podman's connections"),
  user: textOrNumber("a user, or USER:GROUP"),
  workdir: text("a folder in the container"),
  env: variables({ inherit: true }),
  agent: readWords,
  program: readWords,
};

/** What the manifest says, checked. */
export type PodmanOptions = OptionsOf<typeof OPTIONS, "container">;

/** Reaches a container by Podman's command line. */
export const podman = execTransport<PodmanOptions>({
  name: "podman",
  parse: (spec) =>
    readSpec(spec, {
      transport: "podman",
      options: OPTIONS,
      short: "container",
      example: "podman: api",
      required: ["container"],
      instead: {
        context: `wanted "connection", see "podman system connection list"`,
        rootful: `wanted a "connection" to it, or program: "sudo podman"`,
      },
    }),
  command: (options, words) => [
    ...client(options),
    ...containerExec(options),
    ...words,
  ],
  roomAdvice: CONTAINER_ROOM,
  files: containerFiles(client),
});

function client({ program = ["podman"], connection }: PodmanOptions): string[] {
  return [
    ...program,
    ...connection === undefined ? [] : [`--connection=${connection}`],
  ];
}
