/**
 * Containers of Docker, reached by `docker exec`.
 *
 * | in the manifest | command |
 * |---|---|
 * | `docker: web` | `docker exec -i web norouter agent --automated` |
 * | `docker: {container: web, context: lab, user: app}` | `docker --context=lab exec -i --user=app web norouter …` |
 *
 * @module
 */
import { CONTAINER_OPTIONS, containerExec } from "./container_exec.ts";
import { CONTAINER_ROOM, containerFiles } from "./container_files.ts";
import { execTransport } from "./command/exec.ts";
import { SpecError } from "./mod.ts";
import { type OptionsOf, readSpec, text } from "./command/spec.ts";

const { container, ...common } = CONTAINER_OPTIONS;
const OPTIONS = {
  container,
  context: text("one of Docker's contexts"),
  host: text(`an engine's address, like "ssh://me@box"`),
  ...common,
};

/** The manifest's value, checked. */
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
