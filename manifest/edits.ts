/**
 * Edits: hosts that were added to a manifest, or left out of it, by command.
 *
 * They are put among the located values before anything is checked, so that an added host
 * is a host like any other: it has the template's values, and its faults have a place, in
 * the text of the command.
 *
 * @module
 */
import type { ParseOptions } from "./manifest.ts";
import { formatPosition, type Position } from "./source/diagnostic.ts";
import { Report } from "./source/report.ts";
import { type Entry, type MapValue, quote, type Value } from "./source/value.ts";
import { fromYaml } from "./source/yaml.ts";

/** The longest text of a host that is added by command. */
const MOST_CHARACTERS = 64 * 1024;

/** The name, in messages, of the text that adds a host. */
export function editName(host: string): string {
  return `host add ${host}`;
}

/** The manifest's values with the edits of the options; the same without any. */
export function withEdits(root: Value, report: Report, { edits }: ParseOptions): Value {
  if (!edits || root.kind !== "map") return root;
  const hosts = root.entries.get("hosts");
  if (hosts?.value.kind !== "map") return root;
  const entries = new Map(hosts.value.entries);
  for (const name of edits.removed) entries.delete(name);
  for (const [name, text] of edits.added) {
    const added = entryOf(name, text, report);
    const there = entries.get(name);
    if (there) {
      const where = formatPosition(there.keyAt);
      report.error(added.keyAt, `there is a host ${quote(name)} already (${where})`);
    } else entries.set(name, added);
  }
  return withHosts(root, { ...hosts, value: { ...hosts.value, entries } });
}

function withHosts(root: MapValue, hosts: Entry): Value {
  return { ...root, entries: new Map(root.entries).set("hosts", hosts) };
}

function entryOf(name: string, text: string, report: Report): Entry {
  const file = editName(name);
  const value = readFieldsText(text, file, report);
  return { key: name, keyAt: { file, line: 1, column: 1 }, value };
}

/**
 * Reads the fields of a host, with braces around them or without: in one line several
 * fields are no YAML without braces. Faults are those of the text as it is written.
 */
export function readFieldsText(text: string, file: string, report: Report): Value {
  const own = new Report(file);
  if (text.length > MOST_CHARACTERS) {
    const at = { file, line: 1, column: 1 };
    const message = `this host has ${text.length} characters; wanted at most ` +
      `${MOST_CHARACTERS}, and a larger one in the manifest's file`;
    report.syntax(at, message, at);
    return { kind: "scalar", at, value: null, text: "", quoted: false };
  }
  const value = fromYaml(text, own);
  if (!own.isEmpty && !text.includes("\n")) {
    const braced = new Report(file);
    const other = fromYaml(`{${text}}`, braced);
    if (braced.isEmpty) return withoutBrace(other);
  }
  own.pass(report);
  return value;
}

/** The value as if the text began one character later. */
function withoutBrace(value: Value): Value {
  const moved = (at: Position) => ({ ...at, column: Math.max(1, at.column - 1) });
  const at = moved(value.at);
  switch (value.kind) {
    case "scalar":
      return { ...value, at };
    case "list":
      return { ...value, at, items: value.items.map(withoutBrace) };
    case "map": {
      const entries = [...value.entries].map(([key, entry]) => {
        const { keyAt, value } = entry;
        return [key, { key, keyAt: moved(keyAt), value: withoutBrace(value) }] as const;
      });
      return { ...value, at, entries: new Map(entries) };
    }
  }
}
