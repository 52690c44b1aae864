/**
 * Data from a request in the form that its schema wants, or what is wrong with it, in the
 * words of manifests.
 *
 * @module
 */

import type { BaseIssue, GenericSchema, InferOutput } from "valibot";
import { didYouMean } from "../manifest/fields.ts";
import { messageOf } from "../wire/text.ts";

/** Maps and lists within each other; hosts of manifests have five. */
const MOST_DEPTH = 64;
/** Characters of a value that a message shows. */
const MOST_SHOWN = 60;

/** By the field, what it may be. */
const WANTED: Readonly<Record<string, string>> = {
  name: "the name of a host",
  host: "a map, or YAML as text",
  kind: `"ingress" or "egress"`,
  rule: `a rule, such as "tcp:5432:db:5432"`,
  save: "true or false",
  from: "the name of a host",
  size: "a whole number of bytes, 0 to 65507",
  ms: "a whole number of milliseconds, 1 to 10000",
  snaplen: "a number of bytes",
  count: "a number of packets, from 1",
  seconds: "a number of seconds, from 1 to 2073600",
  id: "the number of a capture",
};
/** The same of fields that mean something else beside a rule. */
const WANTED_OF_RULE: typeof WANTED = { ...WANTED, host: "the name of a host" };

/** The request is not as wanted. */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
  /** The status of HTTP. */
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** The JSON of a body. @throws {BadRequest} if it is none, or too deep. */
export function parseBody(text: string): unknown {
  if (isTooDeep(text)) {
    throw new BadRequest(
      `The body has maps or lists more than ${MOST_DEPTH} deep within each other`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadRequest(`The body is no JSON: ${messageOf(error)}`);
  }
}

/** The data, if it has the form of the schema. @throws {BadRequest} where it has not. */
export async function inForm<Schema extends GenericSchema>(
  schema: Schema & { readonly entries: Readonly<Record<string, unknown>> },
  data: unknown,
  what: "the body" | "the query",
): Promise<InferOutput<Schema>> {
  const known = Object.keys(schema.entries);
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw new BadRequest(
      `In ${what}: it is ${kindOf(data)}; wanted a map with ${listOf(known)}`,
    );
  }
  const { safeParse } = await import("valibot");
  const parsed = safeParse(schema, data, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new BadRequest(messageFor(issue, known, what));
}

function messageFor(
  { path, expected, message }: BaseIssue<unknown>,
  known: readonly string[],
  what: string,
): string {
  const field = path?.[0]?.key;
  if (typeof field !== "string") return `In ${what}: ${message}`;
  const place = `In ${JSON.stringify(shortened(field))} of ${what}: `;
  const there = path![0].input as Readonly<Record<string, unknown>>;
  if (expected === "never") {
    const hint = didYouMean(field, known) || `; there are ${listOf(known)}`;
    return `${place}there is no such field${hint}`;
  }
  const wanted = (known.includes("rule") ? WANTED_OF_RULE : WANTED)[field] ?? expected;
  const found = Object.hasOwn(there, field) ? kindOf(there[field]) : "missing";
  return `${place}it is ${found}; wanted ${wanted}`;
}

/** A value for people: small ones as JSON. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a map";
  return shortened(JSON.stringify(value) ?? "missing");
}

function listOf(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(", ");
}

/** A text that is not too long for a message. */
export function shortened(text: string): string {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}

/**
 * Whether a text in JSON has maps and lists too deep within each other: whoever writes them
 * again would run out of stack.
 */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (isInString) {
      if (char === "\\") at++;
      else if (char === '"') isInString = false;
    } else if (char === '"') isInString = true;
    else if (char === "{" || char === "[") {
      if (++depth > MOST_DEPTH) return true;
    } else if (char === "}" || char === "]") depth--;
  }
  return false;
}
