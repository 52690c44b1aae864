/**
 * The address a proxy listens on: `ADDRESS:PORT`.
 *
 *   "127.0.0.1:18080"   loopback only
 *   "localhost:18080"   the same
 *   "[::1]:18080"       the same in IPv6
 *   ":18080"            every address of the host: open to its network
 *   "0.0.0.0:18080"     the same
 *   "10.0.0.5:18080"    one address, open to its network
 *   "127.0.0.1"         no: without a port
 *   "u:p@127.0.0.1:1"   no: "auth" is for that
 *
 * listen_test.ts has the same table.
 *
 * @module
 */
import { isLoopback } from "./address.ts";
import { hostFault, portFault } from "./ports.ts";
import { quote } from "./source/value.ts";

/** An address to listen on. */
export interface ParsedListen {
  /** Name or address, IPv6 without brackets; 0.0.0.0 where the text has none. */
  readonly hostname: string;
  readonly port: number;
  /** True when only the host itself can connect. */
  readonly loopback: boolean;
}

/** Reads an address to listen on; gives the fault of a wrong text. */
export function parseListen(text: string): ParsedListen | string {
  if (text.includes("@")) {
    // Not shown, for the text may hold a password.
    return `an address to listen on has no user in it; wanted ADDRESS:PORT, and ` +
      `"auth" for username and password`;
  }
  const parts = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(text);
  const not = `${quote(text)} is not an address to listen on`;
  const form = `wanted ADDRESS:PORT, like "127.0.0.1:18080"`;
  if (!parts) return `${not}; ${form}`;
  const [, host = "", port = ""] = parts;
  const fault = (host === "" ? undefined : hostFault(host)) ?? portFault(port);
  if (fault) return `${not}: ${fault}; ${form}`;
  const hostname = host.replace(/^\[|\]$/g, "") || "0.0.0.0";
  return { hostname, port: Number(port), loopback: isLoopback(hostname) };
}
