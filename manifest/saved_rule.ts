/**
 * Writing a rule into the text of a manifest, where its user would: behind the other rules
 * of the host. The rest of the text stays as it is, to the byte.
 *
 * The parsed text says where the rule could stand (`insertion_places.ts`), and the text with
 * the rule is parsed again: a place is taken only if the manifest then says the same as
 * before, and the rule. Where there is no such place, the user is told what to write.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { type HostRule, textOfRule } from "./added_rules.ts";
import { type Edit, placesFor } from "./insertion_places.ts";
import { quote } from "./source/value.ts";

/** As manifests are read. */
const OPTIONS = { merge: true, uniqueKeys: false, logLevel: "error" } as const;

type Hosts = { hosts?: Record<string, Record<string, unknown> | null> } | null;

/**
 * The text of a manifest with a rule of one of its hosts.
 *
 * @throws {Error} if the rule cannot be written without changing something else; it says
 * what to write by hand.
 */
export function withSavedRule(text: string, rule: HostRule): string {
  const { host, kind } = rule;
  const document = parseDocument(text, OPTIONS);
  const wanted = plain(document) as Hosts;
  if (document.errors.length > 0 || !wanted?.hosts || !(host in wanted.hosts)) {
    throw new Error(
      `The rule cannot be written into the manifest: it has no host ${quote(host)}`,
    );
  }
  const spec = wanted.hosts[host] ??= {};
  const own = spec[kind] ?? [];
  const all = [...Array.isArray(own) ? own : [], textOfRule(rule)];
  const refuse = (why: string): never => {
    const line = lineOf(document, text, host);
    throw new Error(
      `The rule cannot be written into the manifest: ${why}; by hand, give ` +
        `${quote(host)}${line} this line: ${kind}: [${all.map(quoted).join(", ")}]`,
    );
  };
  if (!Array.isArray(own)) return refuse(`${quote(kind)} is no list there`);
  spec[kind] = all;
  const reason = sharedBy(document, rule);
  if (reason) return refuse(reason);
  for (
    const place of placesFor(document, text, { host, kind, item: quoted(all.at(-1)) })
  ) {
    const result = edited(text, place);
    const read = parseDocument(result, OPTIONS);
    if (read.errors.length === 0 && isDeepStrictEqual(plain(read), wanted)) return result;
  }
  return refuse(
    `another place uses what stands there, or its form leaves no room`,
  );
}

function quoted(item: unknown): string {
  return JSON.stringify(item);
}

function edited(text: string, edits: readonly Edit[]): string {
  return edits.toReversed().toSorted((a, b) => b.at - a.at).reduce(
    (text, { at, end = at, text: more }) => text.slice(0, at) + more + text.slice(end),
    text,
  );
}

/** The document as plain data, in which nothing is shared. */
function plain(document: Document): unknown {
  return JSON.parse(JSON.stringify(document.toJS() ?? null));
}

/** Why a text that others share is not to be changed; undefined if it is the host's own. */
function sharedBy(document: Document, { host, kind }: HostRule): string | undefined {
  const hosts = document.get("hosts", true);
  if (isAlias(hosts)) return `"hosts" is the alias *${hosts.source} there`;
  if (!isMap(hosts)) return undefined;
  const pair = hosts.items.find(({ key }) => isScalar(key) && String(key.value) === host);
  if (!pair) return `${quote(host)} comes from a merge key ("<<") there`;
  const map = pair.value;
  if (isAlias(map)) return `${quote(host)} is the alias *${map.source} there`;
  if (!isMap(map)) return undefined;
  const list = map.get(kind, true) as unknown;
  if (isAlias(list)) return `${quote(kind)} is the alias *${list.source} there`;
  if (list === undefined && mergesRules(document, map, kind)) {
    return `${quote(kind)} comes from a merge key ("<<") there`;
  }
}

function mergesRules(document: Document, map: YAMLMap, kind: string): boolean {
  const read = map.toJS(document) as Record<string, unknown>;
  return Array.isArray(read[kind]);
}

/** ` (line 7)`, where the host stands. */
function lineOf(document: Document, text: string, host: string): string {
  const hosts = document.get("hosts", true);
  if (!isMap(hosts)) return "";
  const pair = hosts.items.find(({ key }) => isScalar(key) && String(key.value) === host);
  const key = pair?.key;
  if (!isNode(key) || !key.range) return "";
  return ` (line ${text.slice(0, key.range[0]).split("\n").length})`;
}
