/**
 * The heads that the proxy writes: of a request to its server, of an answer to a client.
 *
 * @module
 */
import { endToEnd, tokensOf, valueOf } from "./fields.ts";
import type { RequestHead } from "./client/request_head.ts";
import type { ResponseHead } from "./origin/response_head.ts";
import type { RequestTarget } from "./client/target.ts";

/** Methods whose request may be sent twice (RFC 9110, 9.2.2), without a body. */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
/** Methods that say nothing of a body by having none; for others its length 0 is said. */
const BODILESS: ReadonlySet<string> = new Set([...REPEATABLE, "DELETE"]);

/** Whether a request may be sent again on another connection. */
export function isRepeatable({ method, framing }: RequestHead): boolean {
  const isBodiless = framing.kind === "none" ||
    framing.kind === "sized" && framing.length === 0;
  return isBodiless && REPEATABLE.has(method);
}

/** Whether a request without a body asks for a tunnel by an upgrade. */
export function isUpgrade({ fields, framing }: RequestHead): boolean {
  if (framing.kind === "chunked" || framing.kind === "sized" && framing.length > 0) {
    return false;
  }
  return !!valueOf(fields, "upgrade") &&
    tokensOf(fields, "connection").includes("upgrade");
}

/** The head of a request on its way to the server. */
export function originHead(
  head: RequestHead,
  target: RequestTarget,
  { pseudonym, asksUpgrade = false }: {
    readonly pseudonym: string;
    readonly asksUpgrade?: boolean;
  },
): string {
  const { method, version, fields, framing } = head;
  // For the whole server: RFC 9112, 3.2.4.
  const isStar = method === "OPTIONS" && target.path === "/" &&
    !head.target.endsWith("/");
  let text = `${method} ${
    isStar ? "*" : target.path
  } HTTP/1.1\r\nHost: ${target.authority}\r\n`;
  for (const [name, value] of endToEnd(fields)) {
    switch (name.toLowerCase()) {
      case "host":
      case "content-length":
        continue;
      case "expect": // HTTP/1.0 has no expectations (RFC 9110, 10.1.1)
        if (version === "1.0") continue;
        break;
      case "trailer":
        if (framing.kind !== "chunked") continue;
    }
    text += `${name}: ${value}\r\n`;
  }
  text += `Via: ${version} ${pseudonym}\r\n`;
  if (framing.kind === "chunked") text += "Transfer-Encoding: chunked\r\n";
  else if (framing.kind === "sized") text += `Content-Length: ${framing.length}\r\n`;
  else if (!BODILESS.has(method)) text += "Content-Length: 0\r\n";
  if (asksUpgrade) {
    return `${text}Connection: Upgrade\r\nUpgrade: ${valueOf(fields, "upgrade")}\r\n\r\n`;
  }
  const wantsTrailers = tokensOf(fields, "te").includes("trailers");
  return text +
    (wantsTrailers
      ? "Connection: keep-alive, TE\r\nTE: trailers\r\n\r\n"
      : "Connection: keep-alive\r\n\r\n");
}

/** The head of an answer on its way to the client. */
export function clientHead(
  { status, phrase, fields, version }: ResponseHead,
  { pseudonym, isChunked = false, connection }: {
    readonly pseudonym: string;
    readonly isChunked?: boolean;
    /** Lines about the client's connection. */
    readonly connection: string;
  },
): string {
  let text = `HTTP/1.1 ${status} ${phrase}\r\n`;
  for (const [name, value] of endToEnd(fields)) {
    if (name.length === 7 && name.toLowerCase() === "trailer" && !isChunked) continue;
    text += `${name}: ${value}\r\n`;
  }
  text += `Via: ${version} ${pseudonym}\r\n`;
  if (isChunked) text += "Transfer-Encoding: chunked\r\n";
  return `${text}${connection}\r\n`;
}
