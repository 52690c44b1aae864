/**
 * Slips of layout in a text that is not YAML: a space too many or too few in front of a line,
 * none behind a colon or a dash, a colon forgotten.
 *
 * The parser takes a line that is indented too far for the rest of the value above, and
 * so complains of that value, in words of its grammar. Here lines are compared with their
 * neighbours, as a reader does. Slips are guesses, and only reported for a text that the
 * parser has refused.
 *
 * @module
 */
import { quote } from "./value.ts";

/** A line that does not fit its neighbours. */
export interface Slip {
  /** Counted from 1. */
  readonly line: number;
  /** Of the first character that is no space, counted from 1. */
  readonly column: number;
  /** The fault of the line, and the wanted layout. */
  readonly message: string;
}

/** A line that holds more than a part of a value. */
interface Parts {
  /** Where entries of the line begin: of lists, then of a map; from 0. */
  readonly columns: readonly number[];
  /** The key, with any quotes. */
  readonly key: string | undefined;
  /** The text behind the last of them. */
  readonly value: string;
}

/** Lists and maps in each other beyond which nothing is looked for. */
const MOST_LEVELS = 1000;

/** All slips of a text, in order. */
export function slipsOf(text: string): readonly Slip[] {
  const lines = text.split(/\r?\n/);
  const layout = new Layout();
  for (let i = 0; i < lines.length && !layout.isTooDeep; i++) {
    layout.read(lines[i]!, () => {
      let next = i + 1;
      while (next < lines.length && !/^\s*[^\s#]/.test(lines[next]!)) next++;
      return lines[next];
    });
  }
  return layout.slips;
}

/** The levels open where a line begins, and the slips so far. */
class Layout {
  readonly slips: Slip[] = [];
  #line = 0;
  /** Columns of the lists and maps that are open, outermost first. */
  readonly #levels: number[] = [];
  /** Whether the line before leaves its value to the lines that follow. */
  #opens = true;
  /** The key above, which may say that its value is not to be shown. */
  #above = "";
  /** Of a text in lines of its own (`|`), the column of its parent. */
  #block: number | undefined;
  readonly #inside = new Inside();

  get isTooDeep(): boolean {
    return this.#levels.length > MOST_LEVELS;
  }

  /** Reads the next line; `next` gives the next line with content. */
  read(line: string, next: () => string | undefined): void {
    this.#line++;
    const text = line.trimStart();
    if (this.#inside.goesOn) return this.#inside.read(text);
    const indent = line.length - text.length;
    if (text === "" || text.startsWith("#")) return;
    if (line.slice(0, indent).includes("\t")) return; // which the parser complains of
    if (this.#block !== undefined && indent > this.#block) return;
    this.#block = undefined;
    if (/^(---|\.\.\.)(\s|$)/.test(line)) {
      this.#levels.length = 0;
      this.#opens = true;
      return;
    }
    const parts = partsOf(text, indent) ?? this.#torn(text, indent, next);
    if (parts) this.#enter(parts, indent);
    else this.#inside.read(text);
  }

  /** A line that was meant as an entry, where an entry may stand. */
  #torn(text: string, indent: number, next: () => string | undefined): Parts | undefined {
    const isPlace = this.#levels.includes(indent) ||
      this.#opens && indent > (this.#levels.at(-1) ?? -1);
    const torn = isPlace ? tornParts(text, indent, next) : undefined;
    if (torn) this.#say(indent, torn.lacks + (torn.key ? ` ${this.#name(torn)}` : ""));
    return torn;
  }

  #enter(parts: Parts, indent: number): void {
    const { columns, key, value } = parts;
    const shift = this.#fit(indent, this.#name(parts));
    for (const column of columns.slice(1)) this.#levels.push(column + shift);
    const said = withoutComment(value.replace(/^([&!]\S*\s*)+/, ""));
    this.#opens = said === "";
    if (/^[|>][-+\d]*$/.test(said)) this.#block = this.#levels.at(key ? -1 : -2) ?? 0;
    if (key) this.#above = key;
    this.#inside.read(said);
  }

  /**
   * Finds the level that an entry belongs to; gives the columns by which to move the
   * entry.
   */
  #fit(column: number, name: string): number {
    const levels = this.#levels;
    let closed: number | undefined;
    while (levels.length > 0 && levels.at(-1)! > column) closed = levels.pop();
    const level = levels.at(-1);
    if (level === column) return 0;
    const by = `by ${column} space${column === 1 ? "" : "s"}`;
    if (closed !== undefined) {
      const wanted = level === undefined ? closed : `${closed} or ${level}`;
      this.#say(
        column,
        `${name} is indented unlike its neighbours: ${by}, wanted ${wanted}`,
      );
      levels.push(closed);
      return closed - column;
    }
    if (this.#opens || level === undefined) {
      levels.push(column);
      return 0;
    }
    this.#say(
      column,
      `${name} is indented more than its neighbours: ${by}, wanted ${level}`,
    );
    return level - column;
  }

  #say(indent: number, message: string): void {
    this.slips.push({ line: this.#line, column: indent + 1, message });
  }

  /** How an entry is called, unless the name may be part of a password. */
  #name({ key }: Parts): string {
    if (/password/i.test(this.#above)) return "this line";
    if (key === undefined) return "this item";
    return quote(/^(["']).*\1$/.test(key) ? key.slice(1, -1) : key);
  }
}

/** The value without the comment behind `#`. */
function withoutComment(value: string): string {
  const at = value.search(/(?<!\S)#/);
  return (at < 0 ? value : value.slice(0, at)).trimEnd();
}

/** Whether a line ends within brackets or quotes that began there or before. */
class Inside {
  #brackets = 0;
  #quote = "";

  get goesOn(): boolean {
    return this.#brackets > 0 || this.#quote !== "";
  }

  /** Reads a value, or the rest of a value. */
  read(text: string): void {
    if (!this.goesOn && !/^["'[{]/.test(text)) return; // plain text, in which they mean nothing
    for (let i = 0; i < text.length; i++) {
      const character = text[i]!;
      if (this.#quote) {
        if (character === "\\" && this.#quote === '"') i++;
        else if (character === this.#quote) this.#quote = "";
      } else if (character === "#" && (i === 0 || text[i - 1] === " ")) {
        return;
      } else if (/["']/.test(character) && /^$|[\s[{,:]/.test(text[i - 1] ?? "")) {
        this.#quote = character;
      } else if (/[[{]/.test(character)) {
        this.#brackets++;
      } else if (/[\]}]/.test(character)) {
        this.#brackets = Math.max(0, this.#brackets - 1);
      }
    }
  }
}

const DASH = /^-(?:\s+|$)/;
const KEY =
  /^("[^"]*"|'[^']*'|[^\s"'[\]{}#,&*!|>%@`](?:[^:#]|:(?=\S)|(?<=\S)#)*?):(?:\s|$)/;

/** The entries that begin in a line; undefined if none does. */
function partsOf(text: string, indent: number): Parts | undefined {
  const columns: number[] = [];
  let column = indent;
  let rest = text;
  for (let dash; (dash = DASH.exec(rest));) {
    columns.push(column);
    column += dash[0].length;
    rest = rest.slice(dash[0].length);
  }
  const [whole, key] = KEY.exec(rest) ?? [];
  if (key !== undefined) columns.push(column);
  const value = rest.slice(whole?.length ?? 0).trim();
  return columns.length > 0 ? { columns, key: key?.trimEnd(), value } : undefined;
}

/** The same of a line that lacks a character: the line was meant to be an entry. */
function tornParts(
  text: string,
  indent: number,
  behind: () => string | undefined,
): Parts & { lacks: string } | undefined {
  const columns = [indent];
  const [pair, key] = /^([\w.-]*\w):(?=\S)/.exec(text) ?? [];
  if (/^-["'\w[{]/.test(text)) {
    const value = text.slice(1).trimEnd();
    return { columns, key: undefined, value, lacks: `a space is missing behind "-"` };
  }
  if (pair !== undefined && key !== undefined && !/^\d+$/.test(key)) {
    const value = text.slice(pair.length).trimEnd();
    return { columns, key, value, lacks: "a space is missing behind the colon of" };
  }
  const [word] = /^[\w.-]+(?=\s*$)/.exec(text) ?? [];
  if (word === undefined) return undefined;
  const next = behind() ?? "";
  const hasMore = next.length - next.trimStart().length > indent;
  if (!hasMore || !partsOf(next.trimStart(), 0)) return undefined;
  return { columns, key: word, value: "", lacks: "a colon is missing behind" };
}
