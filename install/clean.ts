/**
 * Finds and removes the files that agents have left on a host.
 *
 * @module
 */
import type { OpenContext, Transport } from "../transports/mod.ts";
import { explainingLines } from "../transports/command/explaining.ts";
import { LineReader } from "./line_reader.ts";
import { cleanScript, SCRIPT_MARK } from "./script.ts";

/** Milliseconds that a host may take; folders of 100 MB are removed. */
const LIMIT = 60_000;
/** Lines that are read; a host says what it likes. */
const MOST_LINES = 10_000;

/** Something that is, or was, on a host. */
export interface LeftItem {
  /** `used` by a process, and so not removed; `left` as only a list was wanted. */
  readonly state: "used" | "left" | "gone" | "failed";
  /** Kilobytes; undefined where the host cannot tell. */
  readonly kilobytes: number | undefined;
  readonly path: string;
}

/** Options of the cleaning. */
export interface CleanOptions {
  /** The manifest's `installPath`. */
  readonly path?: string | undefined;
  /** The folder of names, with `~`. */
  readonly state?: string | undefined;
  /** Whether nothing is to be removed. */
  readonly list: boolean;
}

/**
 * Rejects with the reason if it cannot be told. Oddities there are given to
 * `context.log`.
 */
export async function cleanHost<Options>(
  transport: Transport<Options>,
  options: Options,
  clean: CleanOptions,
  context: OpenContext,
): Promise<LeftItem[]> {
  if (!transport.exec) {
    throw new Error(`the transport "${transport.name}" cannot run commands`);
  }
  const { words, text } = cleanScript(clean);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LIMIT)]);
  const link = await transport.exec(options, words, { ...context, signal });
  const writer = link.writable.getWriter();
  const writing = writer.write(text).then(() => writer.close()).catch(() => {});
  const reader = new LineReader(link.readable);
  const items: LeftItem[] = [];
  try {
    let count = 0;
    for (let line; (line = await reader.line()) !== undefined;) {
      if (++count > MOST_LINES) link.abort("it has too much to say");
      const [mark, what, ...rest] = line.split(" ");
      if (mark !== SCRIPT_MARK) continue;
      if (what === "done") return items;
      if (what === "skip") context.log(rest.join(" "));
      if (what === "item") items.push(itemOf(rest));
      if (what === "fail") throw new Error(rest.join(" "));
    }
    const { reason, stderr } = await link.closed;
    throw new Error(
      [reason, explainingLines(stderr).join("; ")].filter(Boolean).join(": "),
    );
  } finally {
    link.abort("it is over");
    await Promise.allSettled([writing, reader.cancel(), link.closed]);
  }
}

function itemOf([state, kilobytes, ...path]: readonly string[]): LeftItem {
  const states = ["used", "left", "gone", "failed"] as const;
  return {
    state: states.find((each) => each === state) ?? "failed",
    kilobytes: /^\d+$/.test(kilobytes ?? "") ? Number(kilobytes) : undefined,
    path: path.join(" "),
  };
}
