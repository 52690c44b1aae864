/**
 * Containers of Podman, reached by `podman exec`: those of the user who starts the mesh
 * or, through a connection or `program: sudo podman`, of somebody else.
 *
 * | in the manifest | command |
 * |---|---|
 * | `podman: api` | `podman exec -i api norouter agent --automated` |
 * | `podman: {container: api, connection: vm-root}` | `podman --connection=vm-root exec -i api norouter …` |
 *
 * @module
 */
import { CONTAINER_OPTIONS, containerExec } from "./container_exec.ts";
import { CONTAINER_ROOM, containerFiles } from "./container_files.ts";
import { execTransport } from "./command/exec.ts";
import { type OptionsOf, readSpec, text } from "./command/spec.ts";

const { container, ...common } = CONTAINER_OPTIONS;
const OPTIONS = {
  container,
  connection: text("one of Podman's connections"),
  ...common,
};

/** The manifest's value, checked. */
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
