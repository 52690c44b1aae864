/**
 * YAML text to located values, with anchors, aliases and merge keys resolved.
 *
 * @module
 */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { excessOf } from "./bounds.ts";
import type { Position } from "./diagnostic.ts";
import { formatPosition } from "./diagnostic.ts";
import type { Report } from "./report.ts";
import { isInPassword, reportSyntax, TOO_DEEP, UNREADABLE_PASSWORD } from "./syntax.ts";
import { type Entry, isNull, quote, type ScalarValue, type Value } from "./value.ts";

/** Values that a document may have once its aliases are written out. */
const MAX_VALUES = 500_000;

/**
 * Reads a YAML document; text that cannot be read is reported and read as nothing. `place`
 * says where its user has what stands somewhere in the text, if not there.
 */
export function fromYaml(
  text: string,
  report: Report,
  { place = (at) => at }: { readonly place?: (at: Position) => Position } = {},
): Value {
  // Of the text itself: the parser's own has no lines behind the place where parsing
  // stops.
  const lines = lineStarts(text);
  const nothing = scalar({ file: report.file, line: 1, column: 1 }, null, "", false);
  const at = (offset: number): Position => {
    // Some of the parser's complaints lie behind the end.
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return place({ file: report.file, line, column: col });
  };
  const excess = excessOf(text);
  if (excess) {
    report.syntax(at(excess.offset), excess.message, at(0));
    return nothing;
  }
  try {
    const document = parseDocument(text, {
      logLevel: "error",
      prettyErrors: false,
      uniqueKeys: false, // reported here, with both places
    });
    reportSyntax(document, { text, at, report });
    return document.contents
      ? new Reader(text, at, report).read(document.contents)
      : nothing;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    report.error(nothing.at, TOO_DEEP);
    return nothing;
  }
}

function lineStarts(text: string): LineCounter {
  const lines = new LineCounter();
  for (let start = 0; start >= 0;) {
    lines.addNewLine(start);
    const end = text.indexOf("\n", start);
    start = end < 0 ? -1 : end + 1;
  }
  return lines;
}

class Reader {
  readonly #text: string;
  readonly #at: (offset: number) => Position;
  readonly #report: Report;
  /** The latest value under each anchor, and the count of values inside. */
  readonly #anchors = new Map<string, { value: Value; size: number } | "open">();
  #size = 0;

  constructor(text: string, at: (offset: number) => Position, report: Report) {
    this.#text = text;
    this.#at = at;
    this.#report = report;
  }

  read(node: unknown): Value {
    const { anchor } = (node ?? {}) as { anchor?: string };
    if (anchor) this.#anchors.set(anchor, "open");
    const before = this.#size;
    const value = this.#convert(node);
    this.#count(1, value.at);
    if (anchor) this.#anchors.set(anchor, { value, size: this.#size - before });
    return value;
  }

  #convert(node: unknown): Value {
    if (isAlias(node)) return this.#alias(node);
    const at = this.#at((node as { range?: [number] | null })?.range?.[0] ?? 0);
    if (isSeq(node)) {
      return { kind: "list", at, items: node.items.map((item) => this.read(item)) };
    }
    if (isMap(node)) return { kind: "map", at, entries: this.#entries(node) };
    if (!isScalar(node)) return scalar(at, null, "", false);
    const { value, source, type } = node;
    const quoted = type !== undefined && type !== "PLAIN";
    const text = quoted ? String(value) : source ?? String(value);
    // Only a document that declares YAML 1.1 has more kinds of scalars than these.
    const simple = value === null || typeof value === "boolean" ||
      typeof value === "number";
    return scalar(at, simple ? value : text, text, quoted);
  }

  #entries(map: YAMLMap): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>();
    const merged: Value[] = [];
    for (const pair of map.items) {
      const key = this.read(pair.key);
      const keyAt = key.at;
      // A key without a value, as in `{web}`, has null here, and `key:` an empty node.
      const value = pair.value ? this.read(pair.value) : scalar(keyAt, null, "", false);
      if (key.kind !== "scalar" || key.text === "") {
        this.#report.error(keyAt, `the key of a map must be text`);
      } else if (key.text === "<<" && !key.quoted) {
        merged.push(...(value.kind === "list" ? value.items : [value]));
      } else if (entries.has(key.text)) {
        const first = formatPosition(entries.get(key.text)!.keyAt);
        this.#report.error(keyAt, `${quote(key.text)} is given twice, first at ${first}`);
      } else {
        entries.set(key.text, { key: key.text, keyAt, value });
      }
    }
    for (const source of merged) {
      if (source.kind !== "map") {
        if (isNull(source)) continue; // an alias that was reported
        this.#report.error(source.at, `"<<" merges maps, or a list of maps`);
        continue;
      }
      for (const [key, entry] of source.entries) {
        if (!entries.has(key)) entries.set(key, entry);
      }
    }
    return entries;
  }

  #alias(alias: Alias): Value {
    const offset = alias.range?.[0] ?? 0;
    const at = this.#at(offset);
    const anchor = this.#anchors.get(alias.source);
    if (anchor && anchor !== "open") {
      this.#count(anchor.size, at);
      return { ...anchor.value, at };
    }
    const name = quote(alias.source);
    const message = isInPassword(this.#text, offset)
      ? UNREADABLE_PASSWORD
      : anchor
      ? `the alias ${name} stands inside its own anchor`
      : `no anchor ${name} stands before this alias`;
    this.#report.error(at, message);
    return scalar(at, null, "", false);
  }

  /** Aliases of aliases of aliases make a small file unimaginably large. */
  #count(values: number, at: Position): void {
    this.#size += values;
    if (this.#size <= MAX_VALUES) return;
    // The text alone is bounded before.
    this.#report.error(at, `aliases make this more than ${MAX_VALUES} values`);
    this.#report.finish();
  }
}

function scalar(
  at: Position,
  value: ScalarValue["value"],
  text: string,
  quoted: boolean,
): ScalarValue {
  return { kind: "scalar", at, value, text, quoted };
}
