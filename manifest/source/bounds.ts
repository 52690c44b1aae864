/**
 * Bounds of a text, looked after before the text is parsed.
 *
 * A manifest is read where packets are carried too, and text that was made for it, or by
 * mistake, keeps the parser busy for minutes: its time grows with the square of what is
 * nested, of anchors, and of what stands behind a fault. So the tokens are counted first,
 * up to the first bound that is passed. That costs a tenth of the parsing, and never more:
 * the lexer's own slow cases are nested.
 *
 * Within the bounds the slowest manifest takes a second or two of processor time, a
 * thousand hosts with ten ports each and five thousand rules of a policy half of that.
 *
 * @module
 */
import { Lexer } from "yaml";

/** Tokens of a text: a thousand hosts with ten ports each and 5000 rules have 130 000. */
export const MOST_TOKENS = 250_000;
/** Lists and maps in each other. */
export const MOST_LEVELS = 64;
/** Anchors. */
export const MOST_ANCHORS = 1000;

/** Why a text is not parsed, and where. */
export interface Excess {
  readonly offset: number;
  readonly message: string;
}

/** The first place where a text passes a bound; undefined for a text to be parsed. */
export function excessOf(text: string): Excess | undefined {
  const levels = new Levels();
  let [offset, tokens, anchors] = [0, 0, 0];
  let isScalar = false; // which may begin like any other token
  for (const token of new Lexer().lex(text)) {
    if (MARKS.has(token)) {
      isScalar = token === SCALAR;
      if (token === FLOW_END) levels.leaveBrackets();
      continue;
    }
    const isBlank = !isScalar && /^[ \t]/.test(token);
    if (!isBlank && ++tokens > MOST_TOKENS) {
      const message = `the text has more than ${MOST_TOKENS} parts (words, lines, and ` +
        `signs such as "-", ":", "[" and ","), which is the most that is read`;
      return { offset, message };
    }
    if (!isScalar && token.startsWith("&") && ++anchors > MOST_ANCHORS) {
      const message = `this anchor, ${JSON.stringify(token.slice(0, 80))}, is one more ` +
        `than the ${MOST_ANCHORS} that are read`;
      return { offset, message };
    }
    if (!isBlank) levels.enter(token, { offset, isScalar });
    if (levels.nestedLines > MOST_LEVELS) {
      const message =
        `a second colon with a blank behind it stands in this line, as in ` +
        `${MOST_LEVELS} lines before, which YAML takes for a map in a map; put the text ` +
        `in quotes`;
      return { offset, message };
    }
    if (levels.count > MOST_LEVELS) {
      const message = `lists and maps are nested too deeply here: more than ` +
        `${MOST_LEVELS} in each other`;
      return { offset, message };
    }
    offset += token.length;
    isScalar = false;
  }
  return undefined;
}

const SCALAR = "\x1f";
const FLOW_END = "\x18";
/** What the lexer gives beside pieces of the text. */
const MARKS = new Set(["\x02", FLOW_END, SCALAR]);

/** The levels that are open, as they may be at most. */
class Levels {
  /** Columns at which lists and maps of lines begin, outermost first. */
  readonly #columns: number[] = [];
  #brackets = 0;
  /** Colons since the begin of the line, or since the last comma or bracket. */
  #colons = 0;
  /** Lines with more than one of them, each of which the parser nests in the one before. */
  #nestedLines = 0;
  #lineStart = 0;
  /** Whether the next token begins a list or map of lines, unless one is there. */
  #begins = true;

  get count(): number {
    return this.#columns.length + this.#brackets + this.#colons;
  }

  get nestedLines(): number {
    return this.#nestedLines;
  }

  /** Reads a token that is not blank. */
  enter(
    token: string,
    { offset, isScalar }: { offset: number; isScalar: boolean },
  ): void {
    const isFlow = this.#brackets > 0;
    const isFirst = this.#begins;
    const isEnd = !isScalar && /^[\r\n]/.test(token);
    if (!isEnd && this.#begins && !isFlow && !token.startsWith("#")) {
      this.#indent(offset - this.#lineStart);
      this.#begins = false;
    }
    const end = token.lastIndexOf("\n") + 1;
    if (end > 0) this.#lineStart = offset + end;
    if (end === token.length) { // as block scalars end, too
      this.#begins = true;
      if (!isFlow) this.#colons = 0;
    }
    if (isScalar) return;
    if (token === ":" && !(isFirst && !isFlow)) this.#colon(isFlow);
    else this.#sign(token);
  }

  /** The brackets end without their ends, since a line is not indented enough. */
  leaveBrackets(): void {
    this.#brackets = this.#colons = 0;
  }

  #colon(isFlow: boolean): void {
    this.#colons++;
    if (this.#colons === 2 && !isFlow) this.#nestedLines++;
  }

  #sign(token: string): void {
    if (token === "-" || token === "?" || token === ":") this.#begins = true;
    else if (/^[[\]{},]$/.test(token)) {
      this.#colons = 0;
      if (/[[{]/.test(token)) this.#brackets++;
      else if (token !== ",") this.#brackets = Math.max(0, this.#brackets - 1);
    }
  }

  #indent(column: number): void {
    const columns = this.#columns;
    while (columns.length > 0 && columns.at(-1)! >= column) columns.pop();
    columns.push(column);
  }
}
