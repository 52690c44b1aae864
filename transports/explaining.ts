/**
 * Which of a command's last words say why it failed.
 *
 * @module
 */

/** Lines that are told. */
const MOST = 3;

/**
 * A line of Kubernetes' log library, such as `E1128 15:36:53.123456 12345 memcache.go:265]`:
 * what kubectl met on its way. Why it gave up it says without.
 */
const KLOG = /^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.-]+:\d+\] /;

/** How gcloud and others begin the line that counts, with advice behind it. */
const ERROR = /^(ERROR|FATAL)\b/;

/** Up to three lines, in their order, of those that came last; what is repeated counts once. */
export function explainingLines(lines: readonly string[]): readonly string[] {
  const distinct = lines.filter((line, i) => line !== lines[i - 1]);
  const words = distinct.filter((line) => !KLOG.test(line));
  const said = words.length > 0 ? words : distinct;
  const at = said.findLastIndex((line) => ERROR.test(line));
  if (at < 0) return said.slice(-MOST);
  // What it ran says its own reason before, what belongs to it is indented behind.
  const rest = said.slice(at + 1);
  const end = rest.findIndex((line) => !/^\s/.test(line));
  const more = (end < 0 ? rest : rest.slice(0, end)).map((line) => line.trim());
  return [...said.slice(Math.max(0, at - 1), at + 1), ...more].slice(0, MOST);
}
