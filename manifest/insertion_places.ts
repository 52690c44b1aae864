/**
 * Places in the text of a manifest at which a rule of a host can stand, the best one first.
 *
 * A place is one insertion or two (the comma goes before a comment, the rule behind it). The
 * only text that is replaced is a word for nothing, such as `~`. Whether the manifest still
 * says the same is for the caller to see, who tries one after the other.
 *
 * @module
 */
import { type Document, isMap, isNode, isScalar, isSeq } from "yaml";
import type { Pair, YAMLMap, YAMLSeq } from "yaml";

/** A change of the text. */
export interface Edit {
  /** Where, in characters. */
  readonly at: number;
  /** Up to where the text is replaced; default: nothing is. */
  readonly end?: number;
  /** What stands there then. */
  readonly text: string;
}

/** A list of rules, and an item for it, as text. */
export interface Item {
  readonly host: string;
  readonly kind: string;
  /** In double quotes, as JSON. */
  readonly item: string;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

type Place = readonly Edit[];

/** The places for an item. */
export function placesFor(document: Document, text: string, wanted: Item): Place[] {
  const { host, kind, item } = wanted;
  const hosts = document.get("hosts", true);
  if (!isMap(hosts)) return [];
  const pair = pairOf(hosts, host);
  const map = pair?.value;
  if (!pair) return [];
  if (!isMap(map)) {
    const key = hosts.flow && isQuoted(pair) ? JSON.stringify(kind) : kind;
    return ofNothing(hosts, text, pair, {
      flow: `{ ${key}: [${item}] }`,
      block: (indent) => [`${indent}  ${kind}:`, `${indent}    - ${item}`],
    });
  }
  const list = pairOf(map, kind);
  if (!list) return ofMap(map, text, { kind, item, isJson: isJson(map, pair) });
  if (isSeq(list.value)) return ofList(list.value, text, item);
  return ofNothing(map, text, list, {
    flow: `[${item}]`,
    block: (indent) => [`${indent}  - ${item}`],
  });
}

/** In the place of nothing behind a key. */
function ofNothing(
  map: YAMLMap,
  text: string,
  pair: Pair,
  { flow, block }: {
    readonly flow: string;
    readonly block: (indent: string) => readonly string[];
  },
): Place[] {
  const key = rangeOf(pair.key);
  if (!key) return [];
  const value = rangeOf(pair.value);
  // A word for nothing.
  if (value && value.end > value.start) {
    return [[{ at: value.start, end: value.end, text: flow }]];
  }
  const indent = indentOf(text, key);
  if (!map.flow && indent !== undefined) return [newLine(text, key.end, block(indent))];
  const colon = text.indexOf(":", key.end);
  return [
    ...(colon < 0 ? [] : [[{ at: colon + 1, text: ` ${flow}` }]]),
    [{ at: key.end, text: `: ${flow}` }],
  ];
}

/** Behind the last item. */
function ofList(list: YAMLSeq, text: string, item: string): Place[] {
  const own = rangeOf(list);
  if (!own) return [];
  if (list.flow) {
    const last = rangeOf(list.items.at(-1));
    return ofFlow({ own, text, last, begin: last }, item);
  }
  const last = rangeOf(list.items.at(-1));
  const first = rangeOf(list.items[0]);
  if (!last || !first) return [];
  const dash = [last, first].map(({ start }) =>
    /^[ ]*-[ ]+$/.exec(lineBefore(text, start))?.[0]
  ).find((dash) => dash !== undefined);
  return dash === undefined ? [] : [newLine(text, last.end, [`${dash}${item}`])];
}

/** Behind the last field, or before the first one. */
function ofMap(
  map: YAMLMap,
  text: string,
  { kind, item, isJson }: {
    readonly kind: string;
    readonly item: string;
    readonly isJson: boolean;
  },
): Place[] {
  const own = rangeOf(map);
  const pair = map.items.at(-1);
  const [begin, last] = [rangeOf(pair?.key), rangeOf(pair?.value)];
  if (!own) return [];
  if (map.flow) {
    const field = `${isJson ? JSON.stringify(kind) : kind}: [${item}]`;
    return ofFlow({ own, text, last, begin }, field);
  }
  const first = rangeOf(map.items[0]?.key);
  const indent = begin && indentOf(text, begin);
  if (indent === undefined || !first) return [];
  const lines = [`${indent}${kind}:`, `${indent}  - ${item}`];
  const eol = eolOf(text, begin!.end);
  return [
    newLine(text, (last ?? begin!).end, lines),
    [{ at: first.start, text: lines.join(eol).trimStart() + eol + indent }],
  ];
}

/** In brackets or braces: behind the last part, which begins at `begin`, or in front. */
function ofFlow(
  { own, text, last, begin }: {
    readonly own: Range;
    readonly text: string;
    readonly last: Range | undefined;
    readonly begin: Range | undefined;
  },
  part: string,
): Place[] {
  const inner = text.slice(own.start + 1, own.end - 1);
  const isMap = text[own.start] === "{";
  if (!begin) {
    const blank = isMap || inner !== "" ? " " : "";
    const end = inner === "" ? blank : "";
    return [[{ at: own.start + 1, text: blank + part + end }]];
  }
  const front = [{
    at: own.start + 1,
    text: `${isMap ? " " : ""}${part},` +
      (/^\s/.test(inner) ? "" : " "),
  }];
  if (!last) return [front];
  const indent = indentOf(text, begin);
  const behind = [{ at: last.end, text: `, ${part}` }];
  // Parts that have lines of their own.
  if (indent === undefined || indentOf(text, own) === indent) return [behind, front];
  const rest = text.slice(last.end, own.end - 1);
  const comma = /^[ \t]*,/.exec(rest);
  const line = newLine(text, last.end, [indent + part + (comma ? "," : "")]);
  const isRoom = line[0]!.at < own.end;
  return [
    ...(isRoom ? [comma ? line : [{ at: last.end, text: "," }, ...line]] : []),
    behind,
    front,
  ];
}

/** Lines behind that in which something ends. */
function newLine(text: string, end: number, lines: readonly string[]): Edit[] {
  const stop = text.slice(0, end).trimEnd().length;
  const line = text.indexOf("\n", stop);
  const eol = eolOf(text, stop);
  const at = line < 0 ? text.length : line - (eol.length - 1);
  return [{ at, text: lines.map((each) => eol + each).join("") }];
}

/** The end of the line at a place. */
function eolOf(text: string, at: number): string {
  const line = text.indexOf("\n", at);
  const end = line < 0 ? text.indexOf("\n") : line;
  return end > 0 && text[end - 1] === "\r" ? "\r\n" : "\n";
}

/** The blanks before something that begins its line; undefined if it does not. */
function indentOf(text: string, { start }: Range): string | undefined {
  return /^[ ]+$/.exec(lineBefore(text, start))?.[0];
}

function lineBefore(text: string, at: number): string {
  return text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(({ key }) => isScalar(key) && String(key.value) === name);
}

/** Whether the fields of a map are written as in JSON. */
function isJson(map: YAMLMap, parent: Pair): boolean {
  return map.items.length > 0 ? map.items.every(isQuoted) : isQuoted(parent);
}

function isQuoted({ key }: Pair): boolean {
  return isScalar(key) && key.type === "QUOTE_DOUBLE";
}

function rangeOf(node: unknown): Range | undefined {
  if (!isNode(node) || !node.range) return undefined;
  const [start, end] = node.range;
  return { start, end };
}
