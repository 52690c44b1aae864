/**
 * The marked region of a hosts file, which NoRouter keeps for itself.
 *
 *   127.0.0.1 localhost
 *   # <Added-by-NoRouter>
 *   127.0.42.101 web
 *   # </Added-by-NoRouter>
 *
 * The text has a character per byte (Latin-1): bytes outside of the region are not looked
 * at and come back unchanged, in whatever encoding they are.
 *
 * @module
 */

const BEGIN = "# <Added-by-NoRouter>";
const END = "# </Added-by-NoRouter>";

/** A hosts file with a region, and the facts needed to take the region out again. */
export interface Placed {
  /** The whole file. */
  readonly text: string;
  /** The region, with its markers and their line ends. */
  readonly region: string;
  /** The missing end of the last line, which was added before the region; or nothing. */
  readonly joint: string;
  /** Lines, from 1, of the former file that began a region without an end. */
  readonly unclosed: readonly number[];
}

/**
 * Puts these lines into the file's region: where its first region is, or else at the end.
 * Further regions go, and so does a marker without an end; the lines after such a marker
 * stay, because nobody knows whose they are.
 */
export function placeRegion(text: string, lines: readonly string[]): Placed {
  const newline = /\r?\n/.exec(text)?.[0] ?? "\n";
  const region = [BEGIN, ...lines, END].map((line) => line + newline).join("");
  const { spans, unclosed } = survey(text);
  const closed = spans.filter(({ isClosed }) => isClosed);
  let result = "";
  let from = 0;
  for (const span of spans) {
    result += text.slice(from, span.start);
    if (span === closed[0]) result += region;
    from = span.end;
  }
  result += text.slice(from);
  if (closed.length > 0) return { text: result, region, joint: "", unclosed };
  const joint = result === "" || result.endsWith("\n") ? "" : newline;
  return { text: result + joint + region, region, joint, unclosed };
}

/**
 * The file without the region that was placed. Undefined if that region is not there any
 * more: somebody else took the region out or wrote another.
 */
export function removeRegion(
  text: string,
  { region, joint }: Pick<Placed, "region" | "joint">,
): string | undefined {
  const span = survey(text).spans.find(({ start, end }) =>
    text.slice(start, end) === region
  );
  if (!span) return undefined;
  const before = text.slice(0, span.start);
  const after = text.slice(span.end);
  // Lines that others appended meanwhile need the end of line that was missing.
  const isLast = after === "" && joint !== "" && before.endsWith(joint);
  return isLast ? before.slice(0, -joint.length) : before + after;
}

/** The lines of all regions, without markers and line ends. */
export function regionLines(text: string): string[] {
  return survey(text).spans.filter(({ isClosed }) => isClosed)
    .flatMap(({ start, end }) =>
      text.slice(start, end).trimEnd().split(/\r?\n/).slice(1, -1)
    );
}

interface Span {
  readonly start: number;
  /** Behind the line end of the last line. */
  readonly end: number;
  /** False for a begin marker that no end follows: the span is that line. */
  readonly isClosed: boolean;
}

/** All regions, in order. */
function survey(text: string): { spans: Span[]; unclosed: number[] } {
  const spans: Span[] = [];
  const unclosed: number[] = [];
  let open: { start: number; end: number; line: number } | undefined;
  const giveUp = () => {
    if (!open) return;
    spans.push({ start: open.start, end: open.end, isClosed: false });
    unclosed.push(open.line);
  };
  let start = 0;
  for (let line = 1; start < text.length; line++) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline + 1;
    const marker = markerOf(text.slice(start, end));
    if (marker === "begin") {
      giveUp();
      open = { start, end, line };
    } else if (marker === "end" && open) {
      spans.push({ start: open.start, end, isClosed: true });
      open = undefined;
    }
    start = end;
  }
  giveUp();
  return { spans, unclosed };
}

/** As NoRouter reads them: the blanks around a marker do not matter. */
function markerOf(line: string): "begin" | "end" | undefined {
  const [, slash] = /^#[ \t]*<(\/?)Added-by-NoRouter>[ \t]*\r?\n?$/.exec(line) ?? [];
  return slash === undefined ? undefined : slash === "/" ? "end" : "begin";
}
