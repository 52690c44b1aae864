/**
 * Files for containers: `docker cp`, and the same of Podman.
 *
 * @module
 */
import type { HostFiles } from "./mod.ts";
import { readOutput } from "./command/output.ts";
import { openProcess } from "./command/process.ts";
import { tarHead } from "./tar_head.ts";

/** How a container gets a folder that can be written. */
export const CONTAINER_ROOM =
  `start the container with "--tmpfs /tmp:exec", or with a volume that "installPath" names`;

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
      try {
        await readOutput([...client(options), ...words], context);
      } catch (error) {
        const said = (error as Error).message;
        if (!/read-only/i.test(said)) throw error;
        // A tmpfs is of no use here: engines copy to disks only.
        const advice = `start the container with a volume that "installPath" names`;
        throw new Error(`${said} (${advice})`, { cause: error });
      }
    },
    async look(options, path, context) {
      // An archive of all that is there, of which the first words will do.
      const words = ["cp", `${options.container}:${path}`, "-"];
      const quiet = { ...context, log: () => {} };
      const link = openProcess([...client(options), ...words], quiet);
      const closing = link.writable.close().catch(() => {});
      try {
        return await tarHead(link.readable);
      } finally {
        link.abort("its first words will do");
        await link.readable.cancel().catch(() => {});
        await Promise.all([closing, link.closed]);
      }
    },
  };
}
