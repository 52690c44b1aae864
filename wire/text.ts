/**
 * Text for people: the message of an error, a host with its port, lines without colours.
 *
 * @module
 */

/** The message of an error, or any other value that was thrown, as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A host and a port as text; an IPv6 address in brackets. */
export function formatHostPort(hostname: string, port: number): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** A colour or another rendition, as sent to a terminal: SGR (ECMA-48, 8.3.117). */
// deno-lint-ignore no-control-regex -- control characters are what this is about
const SGR = /\x1b\[[\d;:]*m/g;

/** A text without its colours. */
export function withoutColors(text: string): string {
  return text.replace(SGR, "");
}
