/**
 * Files for containers: `docker cp`, and the same of Podman.
 *
 * @module
 */
import { messageOf } from "../wire/text.ts";
import type { HostFiles, OpenContext, TreeEntry } from "./mod.ts";
import { readOutput } from "./command/output.ts";
import { openProcess } from "./command/process.ts";
import { tarEntries, tarHead } from "./tar_entries.ts";

/** How a container gets a folder that can be written. */
export const CONTAINER_ROOM =
  `start the container with "--tmpfs /tmp:exec", or with a volume that "installPath" names`;

/** Entries below a folder, beyond which nobody looks. */
const MOST_ENTRIES = 10_000;

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
    look(options, path, context) {
      // Podman's archive of `/` has what is in it, and no entry for the folder itself.
      const there = `${options.container}:${path === "/" ? "/.." : path}`;
      return archived([...client(options), "cp", there, "-"], {
        context,
        // An archive of all that is there, of which the first words will do.
        read: tarHead,
      });
    },
    async lookBelow(options, path, context) {
      const words = [...client(options), "cp", `${options.container}:${path}`, "-"];
      return await archived(words, { context, read: entriesOf }) ?? [];
    },
  };
}

/** The entries of an archive. @throws {Error} if there are too many. */
async function entriesOf(stream: ReadableStream<Uint8Array>): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for await (const entry of tarEntries(stream)) {
    if (entries.length === MOST_ENTRIES) {
      throw new Error(`more than ${MOST_ENTRIES} files are there`);
    }
    entries.push(entry);
  }
  return entries;
}

/**
 * Reads the archive that a command writes; undefined if it writes none because nothing is
 * there.
 *
 * @throws {Error} if it was ended, or writes no archive.
 */
async function archived<Read>(
  words: readonly string[],
  { context, read }: {
    readonly context: OpenContext;
    readonly read: (stream: ReadableStream<Uint8Array>) => Promise<Read>;
  },
): Promise<Read | undefined> {
  const link = openProcess(words, { ...context, log: () => {} });
  const closing = link.writable.close().catch(() => {});
  let [isEmpty, isRead] = [true, false];
  const stream = link.readable.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, controller) {
        isEmpty &&= bytes.length === 0;
        controller.enqueue(bytes);
      },
    }),
  );
  let found: Read | undefined;
  let fault: unknown;
  try {
    found = await read(stream);
    isRead = true;
  } catch (error) {
    fault = error;
  } finally {
    if (!isEmpty) link.abort("what was read will do");
    await stream.cancel().catch(() => {});
    await closing;
  }
  const { signal, reason } = await link.closed;
  if (isEmpty && signal === undefined) return undefined;
  if (isRead && !isEmpty) return found;
  const path = words.at(-2)!;
  throw new Error(`cannot look at ${path}: ${isEmpty ? reason : messageOf(fault)}`);
}
