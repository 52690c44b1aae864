/**
 * The target of a request to a proxy (RFC 9112, 3.2).
 *
 * @module
 */

/** The target in the request line of a request to a proxy. */
export interface RequestTarget {
  /** Name or address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** For the `Host` field: as written, or in ASCII; without user and password. */
  readonly authority: string;
  /** For the origin server: path and query. Empty for CONNECT. */
  readonly path: string;
}

/**
 * Reads the absolute form, `http://host[:port]/path?query`, keeping the path to the
 * letter. Says why where `text` is wrong.
 */
export function parseAbsoluteForm(text: string): RequestTarget | string {
  const [, scheme, authority = "", path = ""] =
    /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)/.exec(text) ?? [];
  const shown = shorten(text);
  if (scheme === undefined) {
    return `${shown} is not an absolute URL: this is a proxy, not a web server`;
  }
  if (scheme.toLowerCase() !== "http") {
    return `${shown}: only http:// is served; other schemes use CONNECT`;
  }
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const parsed = parseAuthority(host, 80);
  if (typeof parsed === "string") return `${shown}: ${parsed}`;
  return { ...parsed, path: path.startsWith("/") ? path : `/${path}` };
}

/** Reads the authority form of CONNECT, `host:port`. Says why where `text` is wrong. */
export function parseAuthorityForm(text: string): RequestTarget | string {
  const parsed = parseAuthority(text);
  if (typeof parsed === "string") return `CONNECT ${shorten(text)}: ${parsed}`;
  return { ...parsed, path: "" };
}

function parseAuthority(
  text: string,
  defaultPort?: number,
): Omit<RequestTarget, "path"> | string {
  const [, bracketed, plain = "", digits] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]@/?#\\]+))(?::(\d*))?$/.exec(text) ?? [];
  if (bracketed === undefined && plain === "") return "no host, or a malformed one";
  const port = digits ? Number(digits) : defaultPort;
  if (port === undefined) return "no port";
  if (port < 1 || port > 65_535) return `${digits} is not a port`;
  const tail = digits ? `:${digits}` : "";
  if (bracketed !== undefined) {
    return URL.canParse(`http://[${bracketed}]/`)
      ? { hostname: bracketed, port, authority: `[${bracketed}]${tail}` }
      : `[${bracketed}] is not an address`;
  }
  // Percent signs and names of other scripts: as a browser would ask the name system.
  const hostname = /^[\w.-]+$/.test(plain)
    ? plain
    : URL.parse(`http://${utf8Of(plain)}/`)?.hostname;
  return hostname
    ? { hostname, port, authority: `${hostname}${tail}` }
    : `${shorten(plain)} is not a host`;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A name as the client meant: raw names are in UTF-8. */
function utf8Of(text: string): string {
  // deno-lint-ignore no-control-regex -- one character for each byte
  if (!/^[\x00-\xff]*[\x80-\xff]/.test(text) || /[^\x00-\xff]/.test(text)) return text;
  try {
    return decoder.decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  } catch {
    return text;
  }
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
