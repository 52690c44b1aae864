/**
 * From bytes to the text of a manifest: UTF-8, with a leniency: other bytes may stand in
 * comments, where they mean nothing.
 *
 * NoRouter takes these too.
 *
 * @module
 */
import { Lexer } from "yaml";
import { type Diagnostic, ManifestError, type Position } from "./diagnostic.ts";

/** A manifest's text, and its faults. */
export interface Decoded {
  /** The text; U+FFFD stands for bytes that could not be read. */
  readonly text: string;
  /** At most a single warning: where the first byte that is no UTF-8 stands. */
  readonly warnings: readonly Diagnostic[];
}

/** Stands for a byte that is not UTF-8. */
const REPLACEMENT = "\ufffd";
/** Tokens of the lexer that stand for nothing in the text: see its documentation. */
const MARKS = ["\x02", "\x18", "\x1f"];

/**
 * Decodes a manifest; throws a {@linkcode ManifestError} that says which byte is at
 * fault.
 */
export function decodeManifest(bytes: Uint8Array, file: string): Decoded {
  if (decodes(bytes)) return { text: new TextDecoder().decode(bytes), warnings: [] };
  if (bytes[0] === 0xff && bytes[1] === 0xfe || bytes[0] === 0xfe && bytes[1] === 0xff) {
    const message = "the manifest is UTF-16 text; wanted UTF-8";
    const at = { file, line: 0, column: 0 };
    throw new ManifestError([{ severity: "error", at, message, failsCheck: true }]);
  }
  const text = new TextDecoder().decode(bytes);
  const outside = damageOutsideComments(text);
  const fault = faultAt(bytes, text, {
    file,
    offset: outside ?? text.indexOf(REPLACEMENT),
  });
  if (outside !== undefined) {
    throw new ManifestError([{ severity: "error", ...fault, failsCheck: true }]);
  }
  const message = `${fault.message}; it stands in a comment and is left out`;
  return {
    text,
    warnings: [{ ...fault, severity: "warning", message, failsCheck: true }],
  };
}

/** Where the first unreadable character stands that is not in a comment. */
function damageOutsideComments(text: string): number | undefined {
  let at = 0;
  let isScalar = false; // which may begin with "#" within a block
  for (const token of new Lexer().lex(text)) {
    if (MARKS.includes(token)) {
      isScalar = token === "\x1f";
      continue;
    }
    const damage = isScalar || !token.startsWith("#") ? token.indexOf(REPLACEMENT) : -1;
    if (damage >= 0) return at + damage;
    at += token.length;
    isScalar = false;
  }
  return undefined;
}

/** The place of the character at `offset`, and the byte behind that character. */
function faultAt(
  bytes: Uint8Array,
  text: string,
  { file, offset }: { file: string; offset: number },
): { at: Position; message: string } {
  const before = text.slice(0, offset).split("\n");
  const column = before.at(-1)!.length;
  // A line feed is never part of another character, so lines are those of the bytes too.
  let start = 0;
  for (let line = 1; line < before.length; line++) start = bytes.indexOf(10, start) + 1;
  const mark = start === 0 && bytes[0] === 0xef && bytes[1] === 0xbb ? 3 : 0;
  // The bytes of the preceding characters come first; find how many there are.
  const rest = bytes.subarray(start + mark);
  const length = (count: number) =>
    new TextDecoder("utf-8", { ignoreBOM: true })
      .decode(rest.subarray(0, count), { stream: true }).length;
  let [low, high] = [0, rest.length];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (length(middle) <= column) low = middle;
    else high = middle - 1;
  }
  // An unfinished sequence at that point belongs to the character itself.
  while (low > 0 && length(low - 1) === column) low--;
  const byte = `0x${(rest[low] ?? 0).toString(16).padStart(2, "0")}`;
  return {
    at: { file, line: before.length, column: column + 1 },
    message: `the byte ${byte} here is not part of UTF-8 text`,
  };
}

function decodes(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
