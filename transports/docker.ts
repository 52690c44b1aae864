/**
 * Containers of Docker, reached by `docker exec`.
 *
 * | in the manifest | what is run |
 * |---|---|
 * | `docker: web` | `docker exec -i web norouter agent --automated` |
 * | `docker: {container: web, context: lab, user: app}` | `docker --context=lab exec -i --user=app web norouter …` |
 *
 * @module
 */

import { CONTAINER_ROOM, containerFiles } from "./container_files.ts";
import { execTransport } from "./command/exec.ts";
import { SpecError } from "./mod.ts";
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
  context: text("one of Docker's contexts"),
  host: text(`an engine's address, like "ssh://me@box"`),
  user: textOrNumber("a user, or USER:GROUP"),
  workdir: text("a folder in the container"),
  env: variables({ inherit: true }),
  agent: readWords,
  program: readWords,
};

/** What the manifest says, checked. */
export type DockerOptions = OptionsOf<typeof OPTIONS, "container">;

/** Reaches a container by Docker's command line. */
export const docker = execTransport<DockerOptions>({
  name: "docker",
  parse: (spec) =>
    readSpec(spec, {
      transport: "docker",
      options: OPTIONS,
      short: "container",
      example: "docker: web",
      required: ["container"],
      *rules({ context, host }) {
        if (context === undefined || host === undefined) return;
        yield new SpecError(
          ["host"],
          `"context" and "host" are two ways to name an engine; wanted one`,
        );
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

function client({ program = ["docker"], context, host }: DockerOptions): string[] {
  return [
    ...program,
    ...context === undefined ? [] : [`--context=${context}`],
    ...host === undefined ? [] : [`--host=${host}`],
  ];
}

/** The subcommand that Docker and Podman have in common. */
export function containerExec(
  { container, user, workdir, env = [] }: Pick<
    DockerOptions,
    "container" | "user" | "workdir" | "env"
  >,
): string[] {
  return [
    "exec",
    "-i",
    ...user === undefined ? [] : [`--user=${user}`],
    ...workdir === undefined ? [] : [`--workdir=${workdir}`],
    ...env.map((variable) => `--env=${variable}`),
    container,
  ];
}
