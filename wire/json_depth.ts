/**
 * The depth of JSON, measured before parsing: a parser spends on each open bracket
 * some two hundred times its byte, on a stack or a heap.
 *
 * @module
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Parses JSON whose lists and objects lie within each other at most `most` deep.
 *
 * @throws {SyntaxError} if the text is deeper, or no JSON.
 */
export function parseShallow(text: string, most: number): unknown {
  if (!isDeeper(text, most)) return JSON.parse(text);
  throw new SyntaxError(`JSON of more than ${most} lists and objects within each other`);
}

/**
 * Whether lists and objects of the JSON, text or UTF-8, lie within each other more than
 * `most` deep. For input that is no JSON the answer means nothing, but comes in time and
 * without an error.
 */
export function isDeeper(json: Uint8Array | string, most: number): boolean {
  let depth = 0;
  let isText = false;
  const isString = typeof json === "string";
  for (let at = 0; at < json.length; at++) {
    const byte = isString ? json.charCodeAt(at) : json[at]!;
    if (isText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++depth > most) return true;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
  }
  return false;
}
