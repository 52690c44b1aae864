/**
 * Text that may stand on a terminal.
 *
 * Text of hosts, manifests, commands and files is shown, but neither moves the cursor,
 * nor changes colours, nor turns the order of reading.
 *
 * @module
 */

/**
 * Text of anybody, or text in a colour of ours: the number of an SGR sequence (ECMA-48,
 * 8.3.117) and the text. Only so does an escape sequence reach the terminal.
 */
export type Piece = string | readonly [color: number, text: string];

/**
 * Control characters of ASCII and ISO 8859 but tab and line feed; marks, embeddings and
 * isolates of the bidirectional algorithm (Unicode Standard Annex 9); line and paragraph
 * separators; surrogates without their other half, which are no text.
 */
export const UNSAFE: RegExp =
  // deno-lint-ignore no-control-regex -- control characters are the subject here
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

/** The text with `\x1b` and `\u202e` where such characters were; tabs and lines stay. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2
      ? `\\u${code.padStart(4, "0")}`
      : `\\x${code.padStart(2, "0")}`;
  });
}

/** Whether the text is shown unchanged. */
export function isPrintable(text: string): boolean {
  return text.search(UNSAFE) < 0;
}

/** The pieces as they are written, with colours only if wanted. */
export function render(pieces: readonly Piece[], isColored: boolean): string {
  return pieces.map((piece) => {
    if (typeof piece === "string") return printable(piece);
    const [color, text] = piece;
    return isColored ? `\x1b[${color}m${printable(text)}\x1b[0m` : printable(text);
  }).join("");
}

/** A value as JSON that a terminal shows unchanged, too. */
export function renderJson(value: unknown, space?: number): string {
  return JSON.stringify(value, null, space).replace(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
