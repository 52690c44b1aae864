/**
 * Parts of the manifest's schema: text by patterns, lists, and maps of fields.
 *
 * As everywhere in a manifest, a field with nothing behind it counts as absent, so each
 * part takes `null` too. `errorMessage` is a word of editors, which show it in place of
 * the pattern.
 *
 * @module
 */

/** A piece of a JSON schema, draft-07. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** Numbers from 1 to 65535. */
export const PORT =
  "0*([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])";
const BYTE = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
/** Addresses of IPv4. */
export const IPV4 = `${BYTE}(\\.${BYTE}){3}`;
/** Ranges of IPv4. */
export const CIDR = `${IPV4}/(3[0-2]|[12]?\\d)`;
const IPV6 = "\\[[0-9A-Fa-f:.%]*:[^\\[\\]]*\\]";
/** A name, or an address, of IPv6 in brackets. */
export const DESTINATION = `(${IPV6}|[A-Za-z0-9_][A-Za-z0-9._-]*)`;
/** An address to listen on. */
export const LISTEN = `(${IPV4}|${IPV6}|localhost)`;
const LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
/** Names of hosts, which are no addresses. */
export const HOST_NAME = `(?!${IPV4}$)(?=.{1,253}$)${LABEL}(\\.${LABEL})*`;
/** Names of hosts with `*` in the place of anything. */
export const GLOB =
  `(?![0-9.]+(/|$))[A-Za-z0-9_*-][A-Za-z0-9_*-]*(\\.[A-Za-z0-9_*-]+)*\\.?`;

/** How a part is described. */
export interface About {
  /** For the user who points at the field. */
  readonly description: string;
  /** Values to choose from, or to begin with. */
  readonly examples?: readonly unknown[];
  /** The value of a field that is left out. */
  readonly default?: unknown;
}

/** Text that matches the whole pattern; `wanted` says what that is. */
export function textLike(pattern: string, wanted: string): JsonSchema {
  return {
    type: ["string", "null"],
    pattern: `^(${pattern})$`,
    errorMessage: `wanted ${wanted}`,
  };
}

/** Text that is not empty. */
export const SOME_TEXT: JsonSchema = { type: ["string", "null"], minLength: 1 };

/** The words for truth that a manifest may have, those of YAML 1.1 included. */
export const TRUTH: JsonSchema = {
  enum: [true, false, null, "yes", "no", "on", "off", "y", "n"],
  errorMessage: "wanted true or false",
};

/** A list; its items are never nothing. */
export function listOf(items: JsonSchema, more: JsonSchema = {}): JsonSchema {
  return { type: ["array", "null"], items: present(items), ...more };
}

/** The same part where nothing is no value. */
export function present(part: JsonSchema): JsonSchema {
  const { type } = part;
  if (!Array.isArray(type)) return part;
  const types = type.filter((each) => each !== "null");
  return { ...part, type: types.length === 1 ? types[0] : types };
}

/** A map of known fields. */
export function mapOf(
  properties: Readonly<Record<string, JsonSchema>>,
  more: JsonSchema = {},
): JsonSchema {
  return { type: ["object", "null"], properties, additionalProperties: false, ...more };
}

/** A described part. */
export function field(part: JsonSchema, about: About): JsonSchema {
  return { ...about, ...part };
}

/** That a field is there, and something behind it. */
export function given(name: string): JsonSchema {
  return { required: [name], properties: { [name]: { not: { type: "null" } } } };
}
