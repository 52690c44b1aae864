/**
 * A library's object to located values, whose positions are paths: `hosts.web.ports[0]`.
 *
 * @module
 */
import type { Position } from "./diagnostic.ts";
import type { Report } from "./report.ts";
import type { Entry, ScalarValue, Value } from "./value.ts";

/** Reads plain data: objects, arrays, text, numbers, truth values and nothing. */
export function fromObject(value: unknown, report: Report): Value {
  return read(value, "", { report, open: new Set() });
}

interface Context {
  readonly report: Report;
  /** The objects around the one being read, to notice an object that holds itself. */
  readonly open: Set<object>;
}

function read(value: unknown, path: string, context: Context): Value {
  const at: Position = { ...context.report.start, ...(path && { path }) };
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return { kind: "scalar", at, value, text: String(value), quoted: true };
    case "undefined":
      return nothing(at);
    case "object":
      if (value === null) return nothing(at);
      return readObject(value, { ...context, at, path });
    default:
      context.report.error(at, `a ${typeof value} cannot be part of a manifest`);
      return nothing(at);
  }
}

function readObject(
  value: object,
  context: Context & { at: Position; path: string },
): Value {
  const { report, open, at, path } = context;
  if (open.has(value)) {
    report.error(at, "this object holds itself");
    return nothing(at);
  }
  open.add(value);
  try {
    if (Array.isArray(value)) {
      // Array.from, as map() would leave the holes of a sparse array.
      const items = Array.from(value, (item, i) => read(item, `${path}[${i}]`, context));
      return { kind: "list", at, items };
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      const name = value.constructor?.name ?? "object";
      report.error(at, `a ${name} cannot be part of a manifest; wanted plain data`);
      return nothing(at);
    }
    const entries = new Map<string, Entry>();
    for (const [key, item] of Object.entries(value)) {
      const below = read(item, path ? `${path}.${key}` : key, context);
      entries.set(key, { key, keyAt: below.at, value: below });
    }
    return { kind: "map", at, entries };
  } finally {
    open.delete(value);
  }
}

function nothing(at: Position): ScalarValue {
  return { kind: "scalar", at, value: null, text: "", quoted: true };
}
