/**
 * Reading maps with a known set of fields: wrong kinds of values and unknown fields are
 * reported, with the nearest known name.
 *
 * @module
 */
import { closest, distance } from "fastest-levenshtein";
import type { Report } from "./source/report.ts";
import { describe, type Entry, isNull, quote, type Value } from "./source/value.ts";

/** The fields present in a map; fields without a value count as absent. */
export type Fields = ReadonlyMap<string, Entry>;

const NONE: Fields = new Map();

/** Said of text that such a space would make a map. */
const NO_SPACE_BEHIND_COLON = ", in which a space stands behind the colon";

/** Text that stands in a manifest without quotes. */
function plainText(value: Value): string {
  return value.kind === "scalar" && !value.quoted ? value.text : "";
}

/** Reads a map, and warns of fields that are not among `known`. */
export function readFields(
  value: Value,
  known: readonly string[],
  report: Report,
  what: string,
): Fields {
  if (isNull(value)) return NONE;
  if (value.kind !== "map") {
    const hint = /^[\w.-]+:\S/.test(plainText(value)) ? NO_SPACE_BEHIND_COLON : "";
    report.error(value.at, `${what} is ${describe(value)}; wanted a map${hint}`);
    return NONE;
  }
  const fields = new Map<string, Entry>();
  for (const [key, entry] of value.entries) {
    if (!known.includes(key)) {
      const hint = didYouMean(key, known);
      report.warn(entry.keyAt, `unknown field ${quote(key)} in ${what}${hint}`, {
        failsCheck: true,
      });
    } else if (!isNull(entry.value)) {
      fields.set(key, entry);
    }
  }
  return fields;
}

/** Reads text; a number written where text belongs keeps its spelling. */
export function readText(
  entry: Entry | undefined,
  report: Report,
  wanted: string,
): string | undefined {
  if (!entry) return undefined;
  const { key, value } = entry;
  if (value.kind === "scalar") return value.text;
  report.error(value.at, `${quote(key)} is ${describe(value)}; wanted ${wanted}`);
  return undefined;
}

/**
 * Parses text that is a number, or has one; gives the fault of a wrong text. Of a YAML number
 * in an unusual spelling, such as `8e1` or `0x50`, the decimal digits count.
 */
export function parseNumeric<T>(
  { value }: Entry,
  text: string,
  parse: (text: string) => Exclude<T, string> | string,
): Exclude<T, string> | string {
  const parsed = parse(text);
  const isNumber = value.kind === "scalar" && !value.quoted &&
    typeof value.value === "number";
  if (typeof parsed !== "string" || !isNumber) return parsed;
  const other = parse(String(value.value));
  return typeof other === "string" ? parsed : other;
}

/** The words that NoRouter's YAML, of version 1.1, takes for truth values. */
const TRUTH: Readonly<Record<string, boolean>> = {
  y: true,
  yes: true,
  on: true,
  n: false,
  no: false,
  off: false,
};

/** Reads a truth value, also in the spellings of YAML 1.1. */
export function readBoolean(
  entry: Entry | undefined,
  report: Report,
): boolean | undefined {
  if (!entry) return undefined;
  const { key, value } = entry;
  if (value.kind === "scalar") {
    if (typeof value.value === "boolean") return value.value;
    const spelt = value.quoted ? undefined : TRUTH[value.text.toLowerCase()];
    if (spelt !== undefined) return spelt;
  }
  report.error(value.at, `${quote(key)} is ${describe(value)}; wanted true or false`);
  return undefined;
}

/** Reads a list; `example` shows the user such a list. */
export function readList(
  entry: Entry | undefined,
  report: Report,
  example: string,
): readonly Value[] {
  if (!entry) return [];
  const { key, value } = entry;
  if (value.kind === "list") return value.items;
  const found = describe(value);
  const hint = /^-\S/.test(plainText(value)) ? `; a space is missing behind "-"` : "";
  report.error(
    value.at,
    `${quote(key)} is ${found}; wanted a list, like ${example}${hint}`,
  );
  return [];
}

/** Letters that tell which name begins so. */
const LEAST_BEGINNING = 4;

/** `; did you mean "ports"?`, or nothing where no known name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const lower = new Map(known.map((each) => [each.toLowerCase(), each]));
  const typed = name.toLowerCase();
  const nearest = closest(typed, [...lower.keys()]);
  const steps = distance(typed, nearest);
  // Two letters swapped are two steps, and the commonest slip of short words.
  const swapped = steps === 2 && sorted(typed) === sorted(nearest);
  const near = swapped || steps <= Math.max(1, typed.length / 3);
  // The beginning of a name stands for the name, such as a singular.
  const begun = typed.length < LEAST_BEGINNING
    ? undefined
    : [...lower.keys()].find((name) => name.startsWith(typed));
  const meant = near ? nearest : begun;
  return meant === undefined ? "" : `; did you mean ${quote(lower.get(meant)!)}?`;
}

function sorted(word: string): string {
  return [...word].sort().join("");
}
