/**
 * `norouter metrics`: the status of a mesh that runs, for Prometheus, on stdout or in a file.
 *
 * @module
 */
import { messageOf } from "../../wire/text.ts";
import { printResult } from "../console/console.ts";
import { type LiveOptions, withMesh } from "../running.ts";

/** Options of {@linkcode metrics}. */
export interface MetricsOptions extends LiveOptions {
  /** The file that a collector reads. */
  readonly textfile?: string;
}

/** Prints the metrics, or replaces a file by them. */
export function metrics(options: MetricsOptions): Promise<number> {
  const { textfile } = options;
  return withMesh(options, async (client) => {
    if (textfile === undefined) await printResult(await client.text("/metrics"));
    else await replace(textfile, await client.text("/metrics?for=collector"));
    return 0;
  });
}

/** Nobody who reads the file gets half of the text; the collector is another user. */
async function replace(path: string, text: string): Promise<void> {
  // Another ending, so that the collector leaves it alone.
  const beside = `${path}.${Deno.pid}`;
  try {
    try {
      await Deno.writeTextFile(beside, text, { mode: 0o644 });
      await Deno.rename(beside, path);
    } catch (error) {
      await Deno.remove(beside).catch(() => {});
      throw error;
    }
  } catch (cause) {
    throw new Error(`Cannot write the metrics to ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}
