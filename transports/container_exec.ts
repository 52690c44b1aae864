/**
 * The part that Docker and Podman have in common: options of a container, and `exec`.
 *
 * @module
 */
import { name, type OptionsOf, text, textOrNumber, variables } from "./command/spec.ts";
import { readWords } from "./command/words.ts";

/** Options of the manifest that both have. */
export const CONTAINER_OPTIONS = {
  container: name("a container's name or id"),
  user: textOrNumber("a user, or USER:GROUP"),
  workdir: text("a folder in the container"),
  env: variables({ inherit: true }),
  agent: readWords,
  program: readWords,
};

/** The values of these options, checked. */
export type ContainerOptions = OptionsOf<typeof CONTAINER_OPTIONS, "container">;

/** The subcommand that Docker and Podman have in common. */
export function containerExec(
  { container, user, workdir, env = [] }: ContainerOptions,
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
