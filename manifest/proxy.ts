/**
 * A host's proxies: where they listen, and who may use them.
 *
 *   http:  { listen: "127.0.0.1:18080" }                       whoever can connect
 *   http:  { listen: ":18080", auth: { username: u, password: p } }
 *   socks: { listen: ":1080", auth: { username: u, passwordEnv: PROXY_PASSWORD } }
 *   http:  { listen: "" }                                      off, as without `listen`
 *
 * No message holds a password, nor a text that may be a password in the wrong place.
 *
 * @module
 */
import { formatPosition, type Position } from "./source/diagnostic.ts";
import { didYouMean, type Fields, readFields, readText } from "./fields.ts";
import { parseListen } from "./listen.ts";
import type { ParseOptions, ProxyAuth, ProxySpec } from "./manifest.ts";
import type { Report } from "./source/report.ts";
import { type Entry, isNull, type MapValue, quote } from "./source/value.ts";

/** The fields of a host that are proxies. */
export type ProxyField = "http" | "socks";

/** The surroundings of a proxy that is read. */
export interface ProxyContext {
  /** Takes the faults. */
  readonly report: Report;
  /** Reads environment variables. */
  readonly env: ParseOptions["env"];
}

/** Of either part in SOCKS, whose lengths are one byte (RFC 1929, section 2). */
const SOCKS_LIMIT = 255;

/** Reads a proxy; `null` if turned off. */
export function readProxy(entry: Entry, context: ProxyContext): ProxySpec | null {
  const { key, value } = entry;
  const { report } = context;
  if (value.kind !== "map") {
    const message = `${quote(key)} is no map; wanted one, like ` +
      `{ listen: "127.0.0.1:18080" }`;
    report.error(value.at, message);
    return null;
  }
  const fields = readFields(value, ["listen", "auth"], report, quote(key));
  // Not from `fields`, where an `auth` without a value counts as absent.
  const authEntry = value.entries.get("auth");
  const auth = authEntry && readAuth(authEntry, key as ProxyField, context);
  const listen = readText(
    fields.get("listen"),
    report,
    `an address, like "127.0.0.1:18080"`,
  );
  if (!listen) {
    if (authEntry) report.warn(authEntry.keyAt, `"auth" without "listen" has no effect`);
    return null; // NoRouter's way to turn a proxy off
  }
  const { at } = fields.get("listen")!.value;
  checkListen(listen, { at, key, isOpen: !authEntry, report });
  return { listen, at, ...(auth && { auth }) };
}

function checkListen(
  listen: string,
  context: { at: Position; key: string; isOpen: boolean; report: Report },
): void {
  const { at, key, isOpen, report } = context;
  const parsed = parseListen(listen);
  if (typeof parsed === "string") {
    report.error(at, parsed);
  } else if (!parsed.loopback && isOpen) {
    report.warn(
      at,
      `${quote(listen)} lets whoever can reach this host use the ${key} proxy, ` +
        `which asks for no password; wanted "auth", or a loopback address, ` +
        `like "127.0.0.1:18080"`,
      { failsCheck: true },
    );
  }
}

const WANTED = `wanted { username: …, password: … } or { username: …, passwordEnv: … }`;

function readAuth(
  { keyAt, value }: Entry,
  protocol: ProxyField,
  context: ProxyContext,
): ProxyAuth | undefined {
  const { report } = context;
  if (isNull(value) || value.kind === "map" && value.entries.size === 0) {
    report.missing(keyAt, `"auth" is empty; ${WANTED}, or no "auth" at all`);
    return undefined;
  }
  if (value.kind !== "map") {
    const found = value.kind === "scalar" ? "text" : "a list";
    report.error(value.at, `"auth" is ${found}; ${WANTED}`);
    return undefined;
  }
  const known = ["username", "password", "passwordEnv"];
  const fields = readFields(knownOnly(value, known, report), known, report, `"auth"`);
  const username = readUsername(fields, keyAt, protocol, report);
  const password = readPassword(fields, keyAt, protocol, context);
  return username && password ? { username, password } : undefined;
}

/**
 * Without the keys that `auth` does not have, which are not shown: in `{password:a,b}`
 * the password is in two of them.
 */
function knownOnly(value: MapValue, known: readonly string[], report: Report): MapValue {
  const entries = new Map(value.entries);
  for (const [key, entry] of entries) {
    if (known.includes(key)) continue;
    entries.delete(key);
    if (isNull(entry.value)) {
      report.error(
        entry.keyAt,
        `"auth" has a key with nothing behind it; a space has to follow a colon, and a ` +
          `password with "," or ":" needs quotes`,
      );
    } else {
      const message = `unknown field in "auth"${didYouMean(key, known)}`;
      report.warn(entry.keyAt, message, { failsCheck: true });
    }
  }
  return { ...value, entries };
}

function readUsername(
  fields: Fields,
  keyAt: Position,
  protocol: ProxyField,
  report: Report,
): string | undefined {
  const entry = fields.get("username");
  if (!entry) {
    report.missing(keyAt, `"auth" without "username"; ${WANTED}`);
    return undefined;
  }
  const text = readText(entry, report, "a name");
  if (text === undefined) return undefined;
  const fault = faultOf(text, protocol) ??
    (protocol === "http" && text.includes(":")
      ? "it holds a colon, which HTTP takes for its end (RFC 7617)"
      : undefined);
  if (fault) report.error(entry.value.at, `"username": ${fault}`);
  return text;
}

function readPassword(
  fields: Fields,
  keyAt: Position,
  protocol: ProxyField,
  { report, env }: ProxyContext,
): string | undefined {
  const entry = fields.get("password");
  const variable = fields.get("passwordEnv");
  if (entry && variable) {
    const where = formatPosition(entry.keyAt);
    const message =
      `"passwordEnv" and "password" (${where}) are two passwords; wanted one`;
    report.error(variable.keyAt, message);
    return undefined;
  }
  if (variable) return readVariable(variable, protocol, { report, env });
  if (!entry) {
    report.missing(keyAt, `"auth" without "password" or "passwordEnv"; ${WANTED}`);
    return undefined;
  }
  const text = readText(entry, report, "text");
  const fault = text === undefined ? undefined : faultOf(text, protocol);
  if (fault) report.error(entry.value.at, `"password": ${fault}`);
  return text;
}

function readVariable(
  entry: Entry,
  protocol: ProxyField,
  { report, env }: ProxyContext,
): string | undefined {
  const { at } = entry.value;
  const name = readText(entry, report, "the name of an environment variable");
  if (name === undefined) return undefined;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    // Not shown, for the text may be the password itself.
    const wanted = `wanted the name alone, like PROXY_PASSWORD`;
    const message = `"passwordEnv" is not the name of an environment variable; ${wanted}`;
    report.error(at, message);
    return undefined;
  }
  const what = `the environment variable ${quote(name)}, which "passwordEnv" names,`;
  if (!env) {
    report.error(at, `${what} cannot be read: this program gives no access to any`);
    return undefined;
  }
  let text;
  try {
    text = env(name);
  } catch (error) {
    // The system's error about a variable that is no text holds its value.
    const reason = error instanceof Error ? error.name : "unknown reason";
    report.error(at, `${what} cannot be read (${reason})`);
    return undefined;
  }
  if (text === undefined) {
    report.error(at, `${what} is not set`);
    return undefined;
  }
  const fault = faultOf(text, protocol);
  if (fault) report.error(at, `${what} is no password: ${fault}`);
  return text;
}

/** Why a username or password cannot be used; the text shows neither. */
function faultOf(text: string, protocol: ProxyField): string | undefined {
  if (text === "") return "it is empty";
  if (/\p{Cc}/u.test(text)) {
    return "it holds a control character, such as the end of a line";
  }
  const { length } = new TextEncoder().encode(text);
  return protocol === "socks" && length > SOCKS_LIMIT
    ? `it is ${length} bytes long; SOCKS has room for ${SOCKS_LIMIT} (RFC 1929)`
    : undefined;
}
