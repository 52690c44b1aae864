/**
 * Programs that stand in for docker, podman, kubectl, lxc, incus and ssh: the only
 * programs on PATH, with a home of their own.
 *
 * @module
 */
import { join } from "shlex";
import { withFiles } from "./_run.ts";

/** Where they are. */
export interface StandIns {
  /** The folder that holds them, to write files in. */
  readonly folder: string;
  /** The environment in which they are found. */
  readonly env: Readonly<Record<string, string>>;
}

/** The act of a stand-in that prints a text. */
export function prints(text: string): string {
  return `printf '%s\\n' ${join([text.trimEnd()])}`;
}

/** The act of a stand-in that fails with a text on standard error. */
export function fails(text: string, status = 1): string {
  return `${prints(text)} >&2; exit ${status}`;
}

/** A stand-in that acts by its first word, or the first two: `ps`, `config view`. */
export function byCommand(acts: Readonly<Record<string, string>>): string {
  const cases = Object.entries(acts).map(([words, act]) => {
    const pattern = words.includes(" ") ? `"${words}"` : `"${words} "*`;
    return `${pattern}) ${act} ;;\n`;
  });
  // An option in front, as in "kubectl --context=x get pods", is passed over.
  return `while case "$1" in --*) true ;; *) false ;; esac; do shift; done
case "$1 $2" in
${cases.join("")}*) echo "unexpected: $*" >&2; exit 64 ;;
esac`;
}

/** Calls `use` with these programs, each given by its shell commands. */
export function withPrograms<T>(
  programs: Readonly<Record<string, string>>,
  use: (standIns: StandIns) => Promise<T>,
): Promise<T> {
  const files = Object.entries(programs).map(([name, act]) =>
    [name, `#!/bin/sh\n${act}\n`] as const
  );
  return withFiles(Object.fromEntries(files), async (folder) => {
    for (const name of Object.keys(programs)) {
      await Deno.chmod(`${folder}/${name}`, 0o755);
    }
    const env = {
      PATH: folder,
      HOME: folder,
      KUBECONFIG: `${folder}/kubeconfig`,
      // Those of whoever runs the tests are not meant.
      DOCKER_HOST: "",
      DOCKER_CONTEXT: "",
    };
    return await use({ folder, env });
  });
}
