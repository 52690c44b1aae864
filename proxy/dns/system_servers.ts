/**
 * Which DNS servers the system asks.
 *
 * Not by `getServers()` of `node:dns` where there is a resolv.conf: if that file is
 * missing, or any line cannot be read, Deno answers with Google's public servers, and
 * names of a private network would go there.
 *
 * @module
 */
import { getServers } from "node:dns";
import { isIPv6 } from "node:net";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";

const RESOLV_CONF = "/etc/resolv.conf";
/** As in glibc (MAXNS) and musl. */
const MOST_SERVERS = 3;
/**
 * The system is asked again after this time, so a laptop that changes its network goes
 * on.
 */
const KEPT_MS = 2000;
const DNS_PORT = 53;

/** Where a server listens. */
export interface ServerAddress {
  /** An address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/**
 * Reads `1.2.3.4`, `1.2.3.4:5353`, `::1` or `[::1]:5353`; undefined if `text` is none of
 * these.
 */
export function parseServer(text: string): ServerAddress | undefined {
  if (isIPv6(text)) return { hostname: text, port: DNS_PORT };
  const [, bracketed, plain, digits] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? DNS_PORT : Number(digits);
  if (port < 1 || port > 65_535) return undefined;
  if (bracketed !== undefined) {
    return isIPv6(bracketed) ? { hostname: bracketed, port } : undefined;
  }
  if (plain === undefined || parseIpv4(plain) === undefined) return undefined;
  return { hostname: plain, port };
}

/**
 * The servers of a resolv.conf in their order; lines that cannot be read are left out.
 */
export function parseResolvConf(text: string): string[] {
  const servers: string[] = [];
  for (const line of text.split("\n")) {
    const [word, server] = line.trim().split(/\s+/);
    if (word !== "nameserver" || server === undefined) continue;
    if (parseServer(server)) servers.push(server);
  }
  return [...new Set(servers)].slice(0, MOST_SERVERS);
}

/** Deno's answer where it found no settings. */
const DENO_FALLBACK = new Set([
  "8.8.8.8",
  "8.8.4.4",
  "2001:4860:4860::8888",
  "2001:4860:4860::8844",
]);

async function read(path: string): Promise<string[]> {
  if (Deno.build.os !== "windows") {
    return parseResolvConf(await Deno.readTextFile(path));
  }
  const servers = new Set(getServers());
  // A user who has set exactly these, all four, is mistaken for a user who has set
  // nothing.
  if (servers.symmetricDifference(DENO_FALLBACK).size === 0) return [];
  return [...servers].slice(0, MOST_SERVERS);
}

/**
 * Tells the servers of the system, and is never more than two seconds behind. `path` is
 * for tests.
 */
export function systemServers(
  path: string = RESOLV_CONF,
): () => Promise<readonly string[]> {
  let known: Promise<readonly string[]> | undefined;
  let until = -Infinity;
  return () => {
    if (known && performance.now() < until) return known;
    until = performance.now() + KEPT_MS;
    return known = read(path).catch(() => []);
  };
}
