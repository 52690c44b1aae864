/**
 * Text that is not YAML: the parser's complaints, in words that help.
 *
 * @module
 */
import { type Document, isScalar, visit, type YAMLError } from "yaml";
import { formatPosition, type Position } from "./diagnostic.ts";
import { slipsOf } from "./layout.ts";
import type { Report } from "./report.ts";

/** Said of brackets nested deeper than the parser's stack can hold. */
export const TOO_DEEP = "lists and maps are nested too deeply to be read";

/** Said where the parser's own words might show an intended password. */
export const UNREADABLE_PASSWORD =
  "YAML does not take this password as it stands; put it in single quotes";

/** Complaints of the parser that are looked at, many of which are consequences of others. */
const MOST_LOOKED_AT = 200;

const TAB = "a tab stands where YAML wants spaces";

/** The text, and how to place and to report its faults. */
export interface SyntaxContext {
  /** The whole text. */
  readonly text: string;
  /** The place of an offset in the text. */
  readonly at: (offset: number) => Position;
  /** Takes the faults. */
  readonly report: Report;
}

/** Reports every error of syntax in a parsed document. */
export function reportSyntax(document: Document, context: SyntaxContext): void {
  const { text, at, report } = context;
  const slips = document.errors.length > 0 ? slipsOf(text) : [];
  const spans = document.errors.length > 0 ? boundedSpans(document) : [];
  let tabLine = 0;
  let last: Position | undefined;
  let isLost = false;
  let sound: Position | undefined;
  for (const [index, error] of document.errors.entries()) {
    if (report.isFull || index >= MOST_LOOKED_AT) { // to place an error takes a look at all of the text
      report.skip(document.errors.length - index);
      break;
    }
    const [offset, end] = error.pos;
    const place = at(offset);
    const line = text.slice(offset - (place.column - 1), end + 1);
    const message = isInPassword(text, offset)
      ? UNREADABLE_PASSWORD
      : explain(error, text, line);
    const begin = at(enclosing(spans, offset));
    // The parser stumbles over the line before a slip, the slip, or some line behind.
    const isOfSlip = CONSEQUENCE.test(error.message) &&
      (slips[0]?.line ?? Infinity) <= place.line + 1;
    if (isOfSlip) sound ??= begin;
    // Consequences of an error are no news: a line indented by a tab belongs nowhere.
    const follows = place.line === tabLine && tabLine > 0 ||
      tabLine > 0 && /^all .* same column$/.test(message) ||
      last?.line === place.line && last.column === place.column ||
      last?.line === place.line && CONSEQUENCE.test(error.message) ||
      isLost && LOST.test(error.message);
    last = place;
    isLost ||= LOST.test(error.message);
    if (isOfSlip || follows) continue;
    if (message === TAB) tabLine = place.line;
    const since = begin.line < place.line
      ? `; what is not ended begins at ${formatPosition(begin)}`
      : "";
    report.syntax(place, message + since, begin);
  }
  if (sound) {
    for (const { line, column, message } of slips) {
      const place = { file: sound.file, line, column };
      report.syntax(place, message, line < sound.line ? place : sound);
    }
  }
  for (const { message, pos: [offset] } of document.warnings.slice(0, MOST_LOOKED_AT)) {
    if (isInPassword(text, offset)) report.error(at(offset), UNREADABLE_PASSWORD);
    else report.warn(at(offset), message);
  }
}

/** Whether a password begins in the line of an offset, at or before that place. */
export function isInPassword(text: string, offset: number): boolean {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  return /password["']?\s*:/i.test(text.slice(lineStart, offset + 1));
}

/** The parser's messages where a line does not fit its neighbours, in whatever way. */
const CONSEQUENCE =
  /^(Nested mappings|Implicit (map )?keys|All \w+ items must|A block sequence may not)/;

/** The parser's message for each word behind a place where the parser lost its way. */
const LOST = /^Unexpected .* token in YAML stream/;

function explain(error: YAMLError, text: string, line: string): string {
  if (/^ *\t/.test(line)) return TAB;
  if (/call stack/i.test(error.message)) return TOO_DEEP;
  if (error.code === "MULTIPLE_DOCS") {
    return "a second document begins here; a manifest is one";
  }
  const [closing] = /[\]}]/.exec(text.slice(...error.pos)) ?? [];
  if (closing && LOST.test(error.message)) {
    return `"${closing}" stands here without its "${closing === "]" ? "[" : "{"}"`;
  }
  if (/^Nested mappings/.test(error.message)) {
    return `a colon with a blank behind it stands in this text, which YAML takes for a ` +
      `map; put the text in quotes`;
  }
  const quote = /^Plain value cannot start/.test(error.message)
    ? "; put it in quotes"
    : "";
  return error.message[0]!.toLowerCase() + error.message.slice(1) + quote;
}

/** Begin and end of a quote or bracket. */
type Span = readonly [begin: number, end: number];

/** The outermost quotes and brackets of a document. */
function boundedSpans(document: Document): Span[] {
  const spans: Span[] = [];
  visit(document, {
    Node: (_, node) => {
      const bounded = isScalar(node)
        ? node.type !== "PLAIN"
        : (node as { flow?: boolean }).flow;
      if (!bounded || !node.range) return;
      spans.push([node.range[0], node.range[1]]);
      return visit.SKIP;
    },
  });
  return spans;
}

/** Where the outermost quote or bracket begins that an error's place lies in. */
function enclosing(spans: readonly Span[], offset: number): number {
  return spans.find(([begin, end]) => begin <= offset && offset <= end)?.[0] ?? offset;
}
