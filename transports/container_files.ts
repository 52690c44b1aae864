/** Files for containers: `docker cp`, and the same of Podman. */

import type { HostFiles } from "./mod.ts";
import { readOutput } from "./output.ts";

/** Files by a client that is `client(options)`, such as `docker --context=lab`. */
export function containerFiles<Options extends { readonly container: string }>(
  client: (options: Options) => readonly string[],
): HostFiles<Options> {
  return {
    async machine(options, context) {
      const ask = async (...words: string[]) =>
        (await readOutput([...client(options), ...words], context)).trim();
      const container = ["container", "inspect", "--format={{.Image}}"];
      const image = await ask(...container, options.container);
      return await ask("image", "inspect", "--format={{.Architecture}}", image);
    },
    async put(options, from, to, context) {
      const words = ["cp", from, `${options.container}:${to}`];
      await readOutput([...client(options), ...words], context);
    },
  };
}
