/** Header fields on their way through a proxy (RFC 9110, 7.6; RFC 9112, 3.2.2). Pure. */

/** Fields that are for the next hop alone (RFC 9110, 7.6.1, and what it inherited). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Fields that a message needs to be understood, whatever `Connection` says of them. */
const NEEDED: ReadonlySet<string> = new Set(["content-length", "host"]);

/** A field's name, as it was written, and its value. */
export type Field = readonly [name: string, value: string];

/** The fields of a message as Node keeps them raw: names and values by turns. */
export function fieldsOf(raw: readonly string[]): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) fields.push([raw[at]!, raw[at + 1]!]);
  return fields;
}

/** The values of a field, all of its lines as one list, in small letters. */
export function tokensOf(fields: readonly Field[], wanted: string): string[] {
  return fields.filter(([name]) => name.toLowerCase() === wanted)
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((token) => token.trim()).filter((token) => token !== "");
}

/**
 * The fields that go on to the next hop: none of those that `Connection` names either.
 * But it cannot take away what says where a message ends: its body would be taken for the
 * next message.
 */
export function endToEnd(fields: readonly Field[]): Field[] {
  const named = new Set(tokensOf(fields, "connection"));
  return fields.filter(([name]) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && (!named.has(lower) || NEEDED.has(lower));
  });
}

/** What the request line of a request to a proxy names. */
export interface RequestTarget {
  /** Name or address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** For the `Host` field: as written, or in ASCII; without user and password. */
  readonly authority: string;
  /** What the origin server gets: path and query. Empty for CONNECT. */
  readonly path: string;
}

/**
 * Reads the absolute form, `http://host[:port]/path?query`, keeping the path to the
 * letter. Where it is wrong, says why.
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

/** Reads the authority form of CONNECT, `host:port`. Where it is wrong, says why. */
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
    : URL.parse(`http://${plain}/`)?.hostname;
  return hostname
    ? { hostname, port, authority: `${hostname}${tail}` }
    : `${shorten(plain)} is not a host`;
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
