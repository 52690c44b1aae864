/**
 * The lines at the end of a command's output that explain its failure: not the places in
 * somebody's source that follow an error, and without colours.
 *
 * @module
 */
import { withoutColors } from "../../wire/text.ts";

/** Lines that are told. */
const MOST = 3;

/**
 * A line of Kubernetes' log library, such as `E1128 15:36:53.123456 12345
 * memcache.go:265]`: trouble that kubectl met on its way. The reason to give up comes
 * without that prefix.
 */
const KLOG = /^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.-]+:\d+\] /;

/**
 * Remarks of ssh on a login that goes well, and advice on a failed login: a command to
 * type, which in a line with the reason would read as part of it.
 */
const ASIDE =
  /^(Warning: Permanently added |\*\* |@{3,}$)|^\s*(remove with:|ssh-keygen )/;

/** The answer to a login that is not allowed, whatever else is said. */
const NO_LOGIN = /^This account is currently not available/;

/** How gcloud and others begin the line that counts, with advice below. */
const MARKED = /^(ERROR|FATAL)\b/;

/** A place in a program, as JavaScript and Deno write below an error. */
const FRAME = /^\s+at\s/;

/** A line marked as the error, with places in a source below. */
const ERROR = /^\s*(error|fatal|panic)\b/i;

/** The same, whatever follows: Deno where threads are forbidden. */
const NO_START = /could not start/i;

/**
 * Up to three lines, in their order, of those that came last; repeated lines count once.
 */
export function explainingLines(lines: readonly string[]): readonly string[] {
  const plain = lines.map((line) => withoutColors(line).trimEnd());
  const words = plain.filter((line) => line.trim() !== "" && !FRAME.test(line));
  const distinct = words.filter((line, i) => line !== words[i - 1]);
  const reasons = distinct.filter((line) => !isAside(line));
  const said = reasons.length > 0 ? reasons : distinct;

  const at = said.findLastIndex((line) => MARKED.test(line));
  if (at >= 0) return around(said, at);
  const last = said.slice(-MOST);
  const hasFrames = plain.some((line) => FRAME.test(line));
  const isError = (line: string) => NO_START.test(line) || hasFrames && ERROR.test(line);
  const error = last.some(isError) ? undefined : said.findLast(isError);
  return error === undefined ? last : [error, ...last.slice(1 - MOST)];
}

/**
 * The same of a command that wrote on its standard error and its output: docker and
 * nologin tell a refusal on the latter.
 */
export function explainingOf(
  stderr: readonly string[],
  output: readonly string[],
): readonly string[] {
  const refusal = output.filter((line) => NO_LOGIN.test(line));
  if (refusal.length > 0) return explainingLines(refusal);
  const hasReason = stderr.some((line) => line.trim() !== "" && !isAside(line));
  return explainingLines(hasReason || output.length === 0 ? stderr : output);
}

function isAside(line: string): boolean {
  return KLOG.test(line) || ASIDE.test(line);
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
