/**
 * How a host is reached: the field of a host that a transport answers to, with the
 * transport's own complaints placed at the value they are about.
 *
 * @module
 */
import { formatPosition, type Position } from "./source/diagnostic.ts";
import { type Fields, readText } from "./fields.ts";
import type { SpecParser, TransportSpec } from "./manifest.ts";
import type { Plugins } from "./plugins.ts";
import type { Report } from "./source/report.ts";
import { type Entry, follow, quote, toPlain, type Value } from "./source/value.ts";

/** The field that names a plug-in. */
const PLUGIN = "transport";

/** The surroundings of a transport that is read. */
export interface TransportContext {
  /** The transports that have a field of their own. */
  readonly transports: ReadonlyMap<string, SpecParser>;
  /** Where relative paths begin. */
  readonly folder: string;
  /** All others. */
  readonly plugins: Plugins;
  /** Takes the faults. */
  readonly report: Report;
}

/** Reads the transport of a host; a host without a transport is this machine. */
export function readTransport(
  fields: Fields,
  context: TransportContext,
): TransportSpec | undefined {
  const { transports, report } = context;
  const [first, ...more] = [...transports.keys(), PLUGIN].flatMap((name) =>
    fields.get(name) ?? []
  ).sort((a, b) => a.keyAt.line - b.keyAt.line || a.keyAt.column - b.keyAt.column);
  const given = fields.get("with");
  if (given && !fields.has(PLUGIN)) {
    const message = `"with" is for the plug-in of a "transport", which is missing here`;
    report.error(given.keyAt, message);
  }
  if (!first) return undefined;
  for (const { key, keyAt } of more) {
    report.error(
      keyAt,
      `${quote(key)} and ${quote(first.key)} (${formatPosition(first.keyAt)}) ` +
        `are two ways to reach one host; wanted one`,
    );
  }
  const { key: name, value } = first;
  if (name === PLUGIN) return readPlugin(first, given, context);
  const spec = toPlain(value);
  const options = parse(first, spec, transports.get(name)!, context);
  return { name, spec, options, at: value.at };
}

/** A plug-in takes no field of its own, but `with`. */
function readPlugin(
  entry: Entry,
  given: Entry | undefined,
  context: TransportContext,
): TransportSpec {
  const { transports, plugins, report } = context;
  const specifier = readText(entry, report, "a plug-in's path or URL");
  const { at } = entry.value;
  const spec = given && toPlain(given.value);
  const nothing = { name: specifier ?? "", spec, options: undefined, at };
  if (specifier === undefined) return nothing;
  if (transports.has(specifier)) {
    const message =
      `${quote(specifier)} is no plug-in; write "${specifier}: …" instead of ` +
      `"transport" and "with"`;
    report.error(at, message);
    return nothing;
  }
  const parser = plugins.parserOf(specifier, at);
  if (!parser) return nothing;
  const options = parse(given ?? entry, spec, parser, context);
  return { ...nothing, name: parser.name, options };
}

function parse(
  entry: Entry,
  spec: unknown,
  parser: SpecParser,
  { folder, report }: TransportContext,
): unknown {
  try {
    return parser.parse(spec, { folder });
  } catch (error) {
    const mistakes = error instanceof AggregateError ? error.errors : [error];
    for (const mistake of mistakes) {
      if (!isSpecError(mistake)) throw error;
      const at = placeOf(entry.value, mistake);
      report.error(at, `${quote(entry.key)}: ${mistake.message}`);
    }
    return undefined;
  }
}

/** The value that a mistake is about, or its key. */
function placeOf(value: Value, { path, isKey }: SpecMistake): Position {
  if (isKey !== true) return follow(value, path).at;
  const above = follow(value, path.slice(0, -1));
  const entry = above.kind === "map" && above.entries.get(String(path.at(-1)));
  return entry ? entry.keyAt : above.at;
}

type SpecMistake = Error & {
  readonly path: readonly (string | number)[];
  readonly isKey?: unknown;
};

/**
 * Told by its shape, because the transports' folder is beyond the sight of this folder.
 */
function isSpecError(error: unknown): error is SpecMistake {
  return error instanceof Error && Array.isArray((error as { path?: unknown }).path);
}
