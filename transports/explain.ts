/**
 * Which lines of a command's text say why it ended: not the places in somebody's source that
 * follow an error, and without colours.
 *
 * @module
 */

/** A colour, as terminals take it. */
// deno-lint-ignore no-control-regex -- control characters are what this is about
const COLOUR = /\x1b\[[\d;:]*m/g;
/** A place in a program, as JavaScript and Deno name it behind an error. */
const FRAME = /^\s+at\s/;
/** A line that says itself that it is the error. */
const ERROR = /^\s*(error|fatal|panic)\b/i;
/** The same, in whatever stands behind it: Deno where it may have no threads. */
const NO_START = /could not start/i;

/**
 * The last of the lines that explain an end, `most` of them. If there are places in a source
 * behind an error, it is the error that is wanted, whatever stands between the two.
 */
export function explain(lines: readonly string[], most: number): string[] {
  const plain = lines.map((line) => line.replace(COLOUR, "").trimEnd());
  const words = plain.filter((line) => line.trim() !== "" && !FRAME.test(line));
  const last = words.slice(-most);
  const hasFrames = plain.some((line) => FRAME.test(line));
  const isError = (line: string) => NO_START.test(line) || hasFrames && ERROR.test(line);
  if (last.some(isError)) return last;
  const error = words.findLast(isError);
  return error === undefined ? last : [error, ...last.slice(1 - most || last.length)];
}
