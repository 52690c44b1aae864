/**
 * `norouter capture`: packets of a mesh that runs, as pcapng on standard output or in a file,
 * until Ctrl-C, a limit, or the end of the mesh or of the reader.
 *
 * What is written ends with a whole block at any time. Ctrl-C has the mesh end the capture,
 * whose rest and statistics then come.
 *
 * @module
 */
import { FlowFault, FlowFilter } from "../../router/capture/flow_filter.ts";
import { WholeBlocks } from "../../wire/pcapng_blocks.ts";
import { messageOf } from "../../wire/text.ts";
import { openLog } from "../console/log.ts";
import { type LiveOptions, withMesh } from "../running.ts";
import { stopSignals } from "../stop.ts";

/** Milliseconds that the rest may take after Ctrl-C: the reader may stand still. */
const REST_MS = 2000;
/** Milliseconds until a write to a pipe that another program made non-blocking is tried again. */
const AGAIN_MS = 20;

/** The options of the command. */
export interface CaptureCommandOptions extends LiveOptions {
  readonly host?: readonly string[];
  readonly flow?: readonly string[];
  /** The file; `-` is standard output. */
  readonly write?: string;
  readonly snaplen?: number;
  readonly count?: number;
  readonly seconds?: number;
}

/** What is wrong with the options, if anything is. */
export function wrongUse({ write = "-", flow = [] }: CaptureCommandOptions):
  | string
  | undefined {
  if (write === "") return "the FILE of -w is empty";
  for (const text of flow) {
    try {
      FlowFilter.parse(text, () => 0); // which hosts there are the mesh knows
    } catch (error) {
      if (error instanceof FlowFault) return `--flow ${error.message}`;
      throw error;
    }
  }
  if (write !== "-" || !Deno.stdout.isTerminal()) return undefined;
  return "packets are not for a terminal; " +
    `try "norouter capture | wireshark -k -i -", or -w FILE`;
}

/** Captures, and gives the exit status. */
export function capture(options: CaptureCommandOptions): Promise<number> {
  return withMesh(options, async (client, mesh) => {
    const log = openLog(options);
    const gone = new AbortController();
    using stop = stopSignals();
    const { id, bytes } = await client.capture(queryOf(options), gone.signal);
    const blocks = new WholeBlocks();
    let late: ReturnType<typeof setTimeout> | undefined;
    let told: { readonly packets: number; readonly dropped: number } | undefined;
    stop.asked.then(async () => {
      late = setTimeout(() => gone.abort(), REST_MS);
      told = await client.ask("DELETE", `/v1/capture?id=${id}`) as typeof told;
    }).catch(() => {}); // it has ended by itself
    try {
      using output = await openOutput(options.write);
      log.event({
        level: "info",
        type: "capture",
        message: `Capturing packets of ${mesh.name} to ${output.name}; Ctrl-C ends it`,
      });
      for await (const piece of bytes) {
        if (await output.write(blocks.take(piece), gone.signal)) continue;
        break; // the reader has seen enough
      }
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    } finally {
      clearTimeout(late);
      gone.abort();
      const { packets } = blocks;
      // A reader that stood still to the end has kept the rest from coming.
      const stuck = Math.max(0, (told?.packets ?? packets) - packets);
      const dropped = Math.max(blocks.dropped, told?.dropped ?? 0) + stuck;
      const lost = dropped > 0
        ? `${dropped} dropped, since the reader was too slow`
        : "none dropped";
      log.event({
        level: dropped > 0 ? "warn" : "info",
        type: "captured",
        message: `${packets} packets captured, ${lost}`,
      }, { packets, dropped });
    }
    return 0;
  });
}

function queryOf(
  { host = [], flow = [], snaplen, count, seconds }: CaptureCommandOptions,
): URLSearchParams {
  const query = new URLSearchParams();
  for (const each of host) query.append("host", each);
  for (const each of flow) query.append("flow", each);
  for (const [name, value] of Object.entries({ snaplen, count, seconds })) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query;
}

/** Where packets are written. */
interface Output extends Disposable {
  readonly name: string;
  /** Writes all of it; false if the reader is gone. Rejects, at the latest with `signal`. */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<boolean>;
}

async function openOutput(path = "-"): Promise<Output> {
  if (path === "-") return outputOf("standard output", Deno.stdout, () => {});
  try {
    const options = { write: true, create: true, truncate: true, mode: 0o600 } as const;
    const file = await Deno.open(path, options);
    // One that was there may be open to others; a pipe is as its maker wants.
    const { isFile } = await file.stat();
    if (isFile && Deno.build.os !== "windows") await Deno.chmod(path, 0o600);
    return outputOf(path, file, () => file.close());
  } catch (cause) {
    throw new Error(`Cannot write to ${path}: ${messageOf(cause)}`, { cause });
  }
}

function outputOf(
  name: string,
  to: { write(bytes: Uint8Array): Promise<number> },
  close: () => void,
): Output {
  const all = async (bytes: Uint8Array): Promise<boolean> => {
    for (let rest = bytes; rest.length > 0;) {
      try {
        rest = rest.subarray(await to.write(rest));
      } catch (cause) {
        if (cause instanceof Deno.errors.BrokenPipe) return false;
        if (!(cause instanceof Deno.errors.WouldBlock)) {
          throw new Error(`Cannot write to ${name}: ${messageOf(cause)}`, { cause });
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
    return true;
  };
  return {
    name,
    async write(bytes, signal) {
      const { promise: late, reject } = Promise.withResolvers<never>();
      const stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop);
      try {
        signal.throwIfAborted();
        return await Promise.race([all(bytes), late]);
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    [Symbol.dispose]: close,
  };
}
