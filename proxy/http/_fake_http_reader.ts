/**
 * A strict reader of HTTP/1.1 messages for tests, independent of the parser under test:
 * bytes that arrive at an origin server have exactly one meaning, or this throws.
 *
 * Text is latin1.
 *
 * @module
 */

/** A message, to the letter. */
export interface HttpMessage {
  /** The request line or status line. */
  readonly start: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [name: string, value: string])[];
}

/** How to read. */
export interface ReadOptions {
  /** Whether nothing follows `text`, which ends a response without a length. */
  readonly isEnd?: boolean;
  /** A response to HEAD, or to a request that makes a tunnel. */
  readonly isBodiless?: boolean;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST_LINE = new RegExp(`^${TOKEN} [\\x21-\\x7e\\x80-\\xff]+ HTTP/1\\.1$`);
const STATUS_LINE = /^HTTP\/1\.1 \d{3} [\t\x20-\x7e\x80-\xff]*$/;
const FIELD = new RegExp(`^(${TOKEN}):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*$`);
/** Of a response: clients are used to oddities of servers. */
const ODD_FIELD = /^([^:\r\n\0\t]+):[ \t]*([^\r\n\0]*?)[ \t]*$/;

/** All values of a field. */
export function valuesOf(
  { fields }: Pick<HttpMessage, "fields">,
  wanted: string,
): string[] {
  return fields.filter(([name]) => name.toLowerCase() === wanted.toLowerCase())
    .map(([, value]) => value);
}

/** The message that begins at `at`, and where it ends; undefined if more has to come. */
export function readMessage(
  text: string,
  at: number,
  { isEnd = false, isBodiless = false }: ReadOptions = {},
): { message: HttpMessage; end: number } | undefined {
  const headEnd = text.indexOf("\r\n\r\n", at);
  if (headEnd < 0) {
    linesOf(text.slice(at).replace(/\r\n?$/, ""));
    return undefined;
  }
  const [start = "", ...lines] = linesOf(text.slice(at, headEnd));
  const isResponse = start.startsWith("HTTP/");
  if (!(isResponse ? STATUS_LINE : REQUEST_LINE).test(start)) throw wrong("line", start);
  const fields = lines.map((line) => fieldOf(line, isResponse ? ODD_FIELD : FIELD));
  if (!isResponse && valuesOf({ fields }, "host").length !== 1) {
    throw wrong("number of Host fields", text.slice(at, headEnd));
  }
  const body = headEnd + 4;
  const message = { start, fields, trailers: [] };
  const lengths = valuesOf({ fields }, "content-length");
  const codings = valuesOf({ fields }, "transfer-encoding");
  if (lengths.length + codings.length > 1) throw wrong("framing", fields.join("; "));
  if (isResponse && (isBodiless || /^HTTP\/1.1 (1|204|304)/.test(start))) {
    return { message: { ...message, body: "" }, end: body };
  }
  if (codings.length > 0) {
    if (codings[0] !== "chunked") throw wrong("transfer coding", codings[0]!);
    return readChunked(text, body, message);
  }
  if (lengths.length > 0 && !/^\d{1,15}$/.test(lengths[0]!)) {
    throw wrong("length", lengths[0]!);
  }
  if (lengths.length === 0 && isResponse) {
    if (!isEnd) return undefined;
    return { message: { ...message, body: text.slice(body) }, end: text.length };
  }
  const end = body + Number(lengths[0] ?? 0);
  if (text.length < end) return undefined;
  return { message: { ...message, body: text.slice(body, end) }, end };
}

/** All messages of `text`, and whether the last breaks off. */
export function readMessages(
  text: string,
): { messages: HttpMessage[]; isBroken: boolean } {
  const messages: HttpMessage[] = [];
  for (let at = 0; at < text.length;) {
    const got = readMessage(text, at);
    if (!got) return { messages, isBroken: true };
    messages.push(got.message);
    at = got.end;
  }
  return { messages, isBroken: false };
}

function readChunked(
  text: string,
  from: number,
  message: Omit<HttpMessage, "body" | "trailers">,
): { message: HttpMessage; end: number } | undefined {
  let body = "";
  for (let at = from;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = text.slice(at, lineEnd);
    if (!/^[0-9a-f]{1,12}$/i.test(size)) throw wrong("chunk size", size);
    const length = parseInt(size, 16);
    at = lineEnd + 2;
    if (length > 0) {
      if (text.length < at + length + 2) return undefined;
      body += text.slice(at, at + length);
      at += length;
      if (text.slice(at, at + 2) !== "\r\n") throw wrong("end of chunk", text.slice(at));
      at += 2;
      continue;
    }
    const end = text.startsWith("\r\n", at) ? at : text.indexOf("\r\n\r\n", at) + 2;
    if (end < at) return undefined;
    const trailers = end === at
      ? []
      : linesOf(text.slice(at, end - 2)).map((line) => fieldOf(line));
    return { message: { ...message, body, trailers }, end: end + 2 };
  }
}

function linesOf(text: string): string[] {
  const lines = text.split("\r\n");
  const odd = lines.find((line) => /[\r\n\0]/.test(line));
  if (odd !== undefined) throw wrong("line end", odd);
  return lines;
}

function fieldOf(line: string, pattern = FIELD): readonly [string, string] {
  const [, name, value] = pattern.exec(line) ?? [];
  if (name === undefined || value === undefined) throw wrong("field", line);
  return [name, value];
}

function wrong(what: string, text: string): Error {
  return new Error(`Wrong ${what}: ${JSON.stringify(text.slice(0, 200))}`);
}
