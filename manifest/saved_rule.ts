/**
 * Writing a rule into the text of a manifest, where its user would: behind the other rules
 * of the host. The rest of the text stays as it is, comments and all.
 *
 * Where the text is in a form in which there is no such place, the whole of it is laid out
 * anew by the YAML library, which keeps comments as well.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { type Document, isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";
import type { YAMLMap, YAMLSeq } from "yaml";
import { type HostRule, textOfRule } from "./added_rules.ts";
import { quote } from "./source/value.ts";

/** As manifests are read. */
const OPTIONS = { merge: true, uniqueKeys: false, logLevel: "error" } as const;

/** A place in the text, and what is to stand there. */
interface Insertion {
  readonly at: number;
  readonly text: string;
}

/**
 * The text of a manifest with a rule of one of its hosts.
 *
 * @throws {Error} if the rule cannot be written without changing something else.
 */
export function withSavedRule(text: string, rule: HostRule): string {
  const { host, kind } = rule;
  const refuse = (why: string): never => {
    throw new Error(
      `The rule cannot be written into the manifest: ${why}; write ` +
        `${quote(textOfRule(rule))} into ${quote(kind)} of ${quote(host)} by hand`,
    );
  };
  const document = parseDocument(text, OPTIONS);
  const wanted = plain(document) as Hosts;
  if (document.errors.length > 0 || !wanted?.hosts || !(host in wanted.hosts)) {
    return refuse(`it has no host ${quote(host)}`);
  }
  const spec = wanted.hosts[host] ??= {};
  const own = spec[kind] ?? [];
  if (!Array.isArray(own)) return refuse(`${quote(kind)} is no list there`);
  spec[kind] = [...own, textOfRule(rule)];
  const isRight = (result: string) => {
    const read = parseDocument(result, OPTIONS);
    return read.errors.length === 0 && isDeepStrictEqual(plain(read), wanted);
  };
  const insertion = insertionOf(document, text, rule);
  if (insertion) {
    const { at, text: more } = insertion;
    const result = text.slice(0, at) + more + text.slice(at);
    if (isRight(result)) return result;
  }
  const path = ["hosts", host];
  if (!isMap(document.getIn(path, true))) {
    const nothing = document.getIn(path, true);
    if (!isScalar(nothing)) return refuse("the host is an alias there");
    const map = document.createNode({});
    map.commentBefore = nothing.comment ?? null;
    document.setIn(path, map);
  }
  if (!isSeq(document.getIn([...path, kind], true))) {
    document.setIn([...path, kind], document.createNode(own));
  }
  document.addIn([...path, kind], textOfRule(rule));
  const result = document.toString({ lineWidth: 0 });
  return isRight(result) ? result : refuse("others have a part in what stands there");
}

type Hosts = { hosts?: Record<string, Record<string, unknown> | null> } | null;

/** The document as plain data, in which nothing is shared. */
function plain(document: Document): unknown {
  return JSON.parse(JSON.stringify(document.toJS() ?? null));
}

function insertionOf(
  document: Document,
  text: string,
  { host, kind, rule }: HostRule,
): Insertion | undefined {
  const item = JSON.stringify(textOfRule({ kind, rule }));
  const map = document.getIn(["hosts", host], true);
  if (!isMap(map)) return ofNothing(document, text, { host, kind, item });
  const list = map.get(kind, true);
  if (list === undefined) return ofMap(map, text, { kind, item });
  return isSeq(list) ? ofList(list, text, item) : undefined;
}

/** Below the name of a host without fields. */
function ofNothing(
  document: Document,
  text: string,
  { host, kind, item }: { readonly [Field in "host" | "kind" | "item"]: string },
): Insertion | undefined {
  const hosts = document.get("hosts", true);
  if (!isMap(hosts) || hosts.flow) return undefined;
  const pair = hosts.items.find(({ key }) => isScalar(key) && key.value === host);
  const key = rangeOf(pair?.key);
  const indent = key && /^[ ]+$/.exec(lineBefore(text, key.start))?.[0];
  if (!key || indent === undefined) return undefined;
  return newLine(text, key.end, [`${indent}  ${kind}:`, `${indent}    - ${item}`]);
}

/** Behind the last item. */
function ofList(list: YAMLSeq, text: string, item: string): Insertion | undefined {
  const own = rangeOf(list);
  if (own && text.slice(own.start, own.end) === "[]") {
    return { at: own.start + 1, text: item };
  }
  const last = rangeOf(list.items.at(-1));
  if (!last) return undefined;
  if (list.flow) return { at: last.end, text: `, ${item}` };
  const dash = /^[ ]*-[ ]+$/.exec(lineBefore(text, last.start))?.[0] ??
    /^[ ]*-[ ]+$/.exec(lineBefore(text, rangeOf(list.items[0])!.start))?.[0];
  return dash === undefined ? undefined : newLine(text, last.end, [`${dash}${item}`]);
}

/** Behind the last field. */
function ofMap(
  map: YAMLMap,
  text: string,
  { kind, item }: { readonly kind: string; readonly item: string },
): Insertion | undefined {
  const own = rangeOf(map);
  if (own && text.slice(own.start, own.end) === "{}") {
    return { at: own.start + 1, text: ` ${kind}: [${item}] ` };
  }
  const pair = map.items.at(-1);
  const [key, last] = [rangeOf(pair?.key), rangeOf(pair?.value)];
  if (!key || !last) return undefined;
  if (map.flow) return { at: last.end, text: `, ${kind}: [${item}]` };
  const indent = /^[ ]+$/.exec(lineBefore(text, key.start))?.[0];
  if (indent === undefined) return undefined;
  return newLine(text, last.end, [`${indent}${kind}:`, `${indent}  - ${item}`]);
}

/** Lines behind that in which something ends. */
function newLine(text: string, end: number, lines: readonly string[]): Insertion {
  const stop = text.slice(0, end).trimEnd().length;
  const line = text.indexOf("\n", stop);
  const isCrLf = line > 0 && text[line - 1] === "\r";
  const [at, eol] = [
    line < 0 ? text.length : isCrLf ? line - 1 : line,
    isCrLf ? "\r\n" : "\n",
  ];
  return { at, text: lines.map((each) => eol + each).join("") };
}

function lineBefore(text: string, at: number): string {
  return text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
}

function rangeOf(node: unknown): { start: number; end: number } | undefined {
  if (!isNode(node) || !node.range) return undefined;
  const [start, end] = node.range;
  return { start, end };
}
