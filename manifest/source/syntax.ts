/**
 * Text that is not YAML: the parser's complaints, in words that help.
 *
 * @module
 */
import { type Document, isScalar, visit, type YAMLError } from "yaml";
import { formatPosition, type Position } from "./diagnostic.ts";
import type { Report } from "./report.ts";

/** Said of brackets in brackets beyond what the parser's stack holds. */
export const TOO_DEEP = "lists and maps are nested too deeply to be read";

/** Said where the parser's own words might show what was meant to be a password. */
export const UNREADABLE_PASSWORD =
  "YAML does not take this password as it stands; put it in single quotes";

const TAB = "a tab stands where YAML wants spaces";

/** The text, and how to place and to report its faults. */
export interface SyntaxContext {
  /** The whole text. */
  readonly text: string;
  /** The place of an offset in it. */
  readonly at: (offset: number) => Position;
  /** Takes the faults. */
  readonly report: Report;
}

/** Reports every error of syntax in a parsed document. */
export function reportSyntax(document: Document, context: SyntaxContext): void {
  const { text, at, report } = context;
  let tabLine = 0;
  for (const error of document.errors) {
    const [offset, end] = error.pos;
    const place = at(offset);
    const line = text.slice(offset - (place.column - 1), end + 1);
    const message = isInPassword(text, offset)
      ? UNREADABLE_PASSWORD
      : explain(error, line);
    // A line indented by a tab belongs nowhere: what follows from that is no news.
    const follows = place.line === tabLine || /^all .* same column$/.test(message);
    if (tabLine && follows) continue;
    if (message === TAB) tabLine = place.line;
    const begin = at(enclosing(document, offset));
    const since = begin.line < place.line
      ? `; what is not ended begins at ${formatPosition(begin)}`
      : "";
    report.syntax(place, message + since, begin);
  }
  for (const { message, pos: [offset] } of document.warnings) {
    if (isInPassword(text, offset)) report.error(at(offset), UNREADABLE_PASSWORD);
    else report.warn(at(offset), message);
  }
}

/** Whether a password begins in the line of an offset, at or before it. */
export function isInPassword(text: string, offset: number): boolean {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  return /password["']?\s*:/i.test(text.slice(lineStart, offset + 1));
}

function explain(error: YAMLError, line: string): string {
  if (/^ *\t/.test(line)) return TAB;
  if (/call stack/i.test(error.message)) return TOO_DEEP;
  if (error.code === "MULTIPLE_DOCS") {
    return "a second document begins here; a manifest is one";
  }
  return error.message[0]!.toLowerCase() + error.message.slice(1);
}

/** Where the outermost quote or bracket begins that an error's place lies in. */
function enclosing(document: Document, offset: number): number {
  let begin = offset;
  visit(document, {
    Node: (_, node) => {
      const bounded = isScalar(node)
        ? node.type !== "PLAIN"
        : (node as { flow?: boolean }).flow;
      if (!bounded || !node.range) return;
      const [start, end] = node.range;
      if (start <= offset && offset <= end) begin = Math.min(begin, start);
    },
  });
  return begin;
}
