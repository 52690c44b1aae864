/**
 * Plain data of which every part knows its place: the form that YAML text and library
 * objects are turned into before anything is checked.
 *
 * @module
 */
import type { Position } from "./diagnostic.ts";

/** A located value. */
export type Value = MapValue | ListValue | ScalarValue;

/** A map with text keys; of a key given twice only the first is kept. */
export interface MapValue {
  /** Tells the kinds apart. */
  readonly kind: "map";
  /** Where the value begins. */
  readonly at: Position;
  /** By key, in order of appearance. */
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A key of a map with its value. */
export interface Entry {
  /** The key as written. */
  readonly key: string;
  /** Where the key stands. */
  readonly keyAt: Position;
  /** The value. */
  readonly value: Value;
}

/** A list. */
export interface ListValue {
  /** Tells the kinds apart. */
  readonly kind: "list";
  /** Where the value begins. */
  readonly at: Position;
  /** In order. */
  readonly items: readonly Value[];
}

/** Text, a number, a truth value or nothing. */
export interface ScalarValue {
  /** Tells the kinds apart. */
  readonly kind: "scalar";
  /** Where the value begins. */
  readonly at: Position;
  /** The data itself. */
  readonly value: string | number | boolean | null;
  /** As written, without quotes: `08` stays `08` although its value is a number. */
  readonly text: string;
  /** False for plain YAML scalars, whose text may stand for something else than text. */
  readonly quoted: boolean;
}

/** True for `null`, `~` and a key without a value: the same as absent. */
export function isNull(value: Value): boolean {
  return value.kind === "scalar" && value.value === null;
}

/** Names a value in a message: `"abc"`, `a list`, `nothing`. */
export function describe(value: Value): string {
  if (value.kind !== "scalar") return `a ${value.kind}`;
  return value.value === null ? "nothing" : quote(value.text);
}

/** The text in quotes, cut to a length that leaves a message readable. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? text.slice(0, 79) + "…" : text);
}

/** The value as plain data, without positions. */
export function toPlain(value: Value): unknown {
  switch (value.kind) {
    case "scalar":
      return value.value;
    case "list":
      return value.items.map(toPlain);
    case "map":
      return Object.fromEntries(
        [...value.entries].map(([key, entry]) => [key, toPlain(entry.value)]),
      );
  }
}

/** The value at the end of a path, or the last value on the way. */
export function follow(value: Value, path: readonly (string | number)[]): Value {
  const [step, ...rest] = path;
  if (step === undefined || value.kind === "scalar") return value;
  const next = value.kind === "list"
    ? value.items[Number(step)]
    : value.entries.get(String(step))?.value;
  return next ? follow(next, rest) : value;
}
