/**
 * The output of a command, whole: for questions that a transport asks before opening a
 * link.
 *
 * @module
 */
import { explainingLines } from "./explaining.ts";
import type { OpenContext } from "../mod.ts";
import { openProcess, type ProcessOptions } from "./process.ts";

/** The most that is read, in bytes; a list of thousands of pods has some ten million. */
const LIMIT = 64 << 20;

/**
 * Runs a command without input and gives its standard output as text.
 *
 * @throws {Error} for the user, if the command cannot be started, fails, or prints too
 * much.
 */
export async function readOutput(
  words: readonly string[],
  context: OpenContext,
  options: ProcessOptions = {},
): Promise<string> {
  const link = openProcess(words, context, options);
  // This is harmless to a command that has ended already, or does not read.
  const closing = link.writable.close().catch(() => {});
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of link.readable) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > LIMIT) {
        link.abort(`${words[0]} printed more than ${LIMIT >> 20} MiB`);
        break;
      }
    }
  } finally {
    await closing;
  }
  const { ok, reason, stderr, hint } = await link.closed;
  if (!ok) {
    const said = [reason, explainingLines(stderr).join("; ")].filter(Boolean).join(": ");
    throw new Error(hint ? `${said} (${hint})` : said);
  }
  return await new Blob(chunks as BlobPart[]).text();
}
