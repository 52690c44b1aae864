/**
 * Finds and removes the files that agents have left on a host.
 *
 * @module
 */
import type { OpenContext, Transport } from "../transports/mod.ts";
import { explainingLines } from "../transports/command/explaining.ts";
import { LineReader } from "./line_reader.ts";
import { cleanScript, SCRIPT_MARK } from "./script.ts";
import { isShellMissing } from "./talk.ts";

/** Milliseconds that a host may take; folders of 100 MB are removed. */
const LIMIT = 60_000;
/** Lines that are read; a host may say more. */
const MOST_LINES = 10_000;

/** The last lines of text that explain an end. */
const EXPLAINING_LINES = 3;

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
 * Finds what agents left on a host, and removes it unless only asked to list. Rejects
 * with the reason if that fails. Oddities are given to `context.log`.
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
  const { words, text: script } = cleanScript(clean);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LIMIT)]);
  const link = await transport.exec(options, words, { ...context, signal });
  const writer = link.writable.getWriter();
  const writing = writer.write(script).then(() => writer.close()).catch(() => {});
  const reader = new LineReader(link.readable);
  const items: LeftItem[] = [];
  const text: string[] = [];
  try {
    let count = 0;
    for (let line; (line = await reader.line()) !== undefined;) {
      if (++count > MOST_LINES) link.abort("it has too much to say");
      const [mark, what, ...rest] = line.split(" ");
      if (mark !== SCRIPT_MARK) {
        if (line.trim() !== "") text.push(line.trimEnd());
        if (text.length > EXPLAINING_LINES) text.shift();
        continue;
      }
      if (what === "done") return items;
      if (what === "skip") context.log(rest.join(" "));
      if (what === "item") items.push(itemOf(rest));
      if (what === "fail") throw new Error(rest.join(" "));
    }
    const { reason, stderr, status, hint } = await link.closed;
    // Docker explains on the standard output why a command cannot run.
    const lines = explainingLines(stderr.length > 0 ? stderr : text);
    const said = [reason, lines.join("; ")].filter(Boolean).join(": ");
    const advice = isShellMissing(status, [...stderr, ...text])
      ? adviceWithoutShell(transport.files !== undefined, clean.path)
      : hint;
    throw new Error(advice ? `${said} (${advice})` : said);
  } finally {
    link.abort("it is over");
    await Promise.allSettled([writing, reader.cancel(), link.closed]);
  }
}

/** A host whose agent was copied there is not known to run any other program. */
function adviceWithoutShell(isCopied: boolean, path = ""): string {
  if (!isCopied) return `without a shell, "sh", no agent was put there`;
  return `it has no shell, and no "rm": an agent would be in ${path}/norouter-agent-…, and ` +
    `goes when the container is made anew`;
}

function itemOf([state, kilobytes, ...path]: readonly string[]): LeftItem {
  const states = ["used", "left", "gone", "failed"] as const;
  return {
    state: states.find((each) => each === state) ?? "failed",
    kilobytes: /^\d+$/.test(kilobytes ?? "") ? Number(kilobytes) : undefined,
    path: path.join(" "),
  };
}
