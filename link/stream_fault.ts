/**
 * The fault of the way to a host, told by bytes that came instead of frames.
 *
 * @module
 */

const ESCAPE = 0x1b;
/** Share of printable bytes from which the input counts as text. */
const MOSTLY = 0.9;

/**
 * Explains bytes that are no frames, as a clause for the user; `text` came before them.
 */
export function streamFault(bytes: Uint8Array, text = ""): string | undefined {
  const all = text + new TextDecoder("latin1").decode(bytes);
  if (all.includes('"type":"request"')) {
    return `what is sent comes back, as from a terminal: run the command without one ` +
      `(no "-t")`;
  }
  if (bytes.includes(ESCAPE) || text.includes("\x1b[")) {
    return `these are escape sequences of a terminal: run the command without one (no "-t"), ` +
      `and without a prompt or colours`;
  }
  if (bytes.length === 0 && !text.includes('"type":"result"')) return undefined;
  const printable = bytes.filter((byte) => byte >= 0x20 && byte < 0x7f || isSpace(byte));
  if (bytes.length >= 4 && printable.length >= bytes.length * MOSTLY) {
    return `this is text: something writes to the standard output that the agent's frames ` +
      `take, or standard error is merged into it`;
  }
  return `bytes were lost or changed on the way, which has to be clean for binary data ` +
    `(a terminal, "-t", is not)`;
}

function isSpace(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d || byte === 0x09;
}
