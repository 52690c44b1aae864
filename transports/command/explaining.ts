/**
 * Which of a command's last words say why it failed: not the places in somebody's source
 * that follow an error, and without colours.
 *
 * @module
 */
import { withoutColors } from "../../wire/text.ts";

/** Lines that are told. */
const MOST = 3;

/**
 * A line of Kubernetes' log library, such as `E1128 15:36:53.123456 12345
 * memcache.go:265]`: trouble that kubectl met on its way. Why it gave up it says without.
 */
const KLOG = /^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.-]+:\d+\] /;

/** How gcloud and others begin the line that counts, with advice behind it. */
const MARKED = /^(ERROR|FATAL)\b/;

/** A place in a program, as JavaScript and Deno name it behind an error. */
const FRAME = /^\s+at\s/;

/** A line that says itself that it is the error, with places in a source behind it. */
const ERROR = /^\s*(error|fatal|panic)\b/i;

/** The same, whatever stands behind it: Deno where it may have no threads. */
const NO_START = /could not start/i;

/**
 * Up to three lines, in their order, of those that came last; repeated lines count once.
 */
export function explainingLines(lines: readonly string[]): readonly string[] {
  const plain = lines.map((line) => withoutColors(line).trimEnd());
  const words = plain.filter((line) => line.trim() !== "" && !FRAME.test(line));
  const distinct = words.filter((line, i) => line !== words[i - 1]);
  const withoutLog = distinct.filter((line) => !KLOG.test(line));
  const said = withoutLog.length > 0 ? withoutLog : distinct;

  const at = said.findLastIndex((line) => MARKED.test(line));
  if (at >= 0) return around(said, at);
  const last = said.slice(-MOST);
  const hasFrames = plain.some((line) => FRAME.test(line));
  const isError = (line: string) => NO_START.test(line) || hasFrames && ERROR.test(line);
  const error = last.some(isError) ? undefined : said.findLast(isError);
  return error === undefined ? last : [error, ...last.slice(1 - MOST)];
}

/**
 * The program that was run says its own reason before the line; details are indented
 * behind.
 */
function around(said: readonly string[], at: number): readonly string[] {
  const rest = said.slice(at + 1);
  const end = rest.findIndex((line) => !/^\s/.test(line));
  const more = (end < 0 ? rest : rest.slice(0, end)).map((line) => line.trim());
  return [...said.slice(Math.max(0, at - 1), at + 1), ...more].slice(0, MOST);
}
