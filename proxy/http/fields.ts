/**
 * Header fields on their way through a proxy (RFC 9110, 7.6).
 *
 * @module
 */

/** Fields that are for the next hop alone (RFC 9110, 7.6.1, and older RFCs). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Fields that a message needs to be understood, whatever `Connection` says of them. */
const NEEDED: ReadonlySet<string> = new Set(["content-length", "host"]);

/** A field's name, as written, and its value. */
export type Field = readonly [name: string, value: string];

/** The fields of a message as Node keeps them raw: names and values by turns. */
export function fieldsOf(raw: readonly string[]): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) fields.push([raw[at]!, raw[at + 1]!]);
  return fields;
}

/** The value of a field, several of them as a list; undefined if there is none. */
export function valueOf(fields: readonly Field[], wanted: string): string | undefined {
  let found: string | undefined;
  for (const [name, value] of fields) {
    if (name.length !== wanted.length || name.toLowerCase() !== wanted) continue;
    found = found === undefined ? value : `${found}, ${value}`;
  }
  return found;
}

/** The values of a field, all of its lines as a single list, in small letters. */
export function tokensOf(fields: readonly Field[], wanted: string): string[] {
  const value = valueOf(fields, wanted);
  if (value === undefined) return [];
  return value.toLowerCase().split(",")
    .map((token) => token.trim()).filter((token) => token !== "");
}

/**
 * The fields that go on to the next hop: none of those that `Connection` names either.
 * But `Connection` cannot take away the fields that say where a message ends: the body
 * would be taken for the next message.
 */
export function endToEnd(fields: readonly Field[]): Field[] {
  const named = new Set(tokensOf(fields, "connection"));
  return fields.filter(([name]) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && (!named.has(lower) || NEEDED.has(lower));
  });
}

/** Fields that mean something before a body only (RFC 9110, 6.5.1). */
const NO_TRAILERS: ReadonlySet<string> = new Set([
  "content-length",
  "host",
  "trailer",
  "via",
]);

/**
 * The trailer fields that go on; none of those that could change the meaning of the head.
 */
export function trailersOf(fields: readonly Field[]): readonly Field[] {
  if (fields.length === 0) return fields;
  return endToEnd(fields).filter(([name]) => !NO_TRAILERS.has(name.toLowerCase()));
}

/**
 * A text without its outer blanks and tabs. Not by a pattern: on a long run of blanks in
 * the middle that takes the square of its length. Nor by `trim`, which takes bytes for
 * letters.
 */
export function trimBlanks(text: string): string {
  let start = 0, end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
