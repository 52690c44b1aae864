/**
 * Addresses to listen on, compared as the system does: one address has many spellings.
 *
 *   "localhost"            127.0.0.1
 *   "0:0:0:0:0:0:0:1"      ::1
 *   "::FFFF:127.0.0.1"     127.0.0.1, which IPv6 has so
 *   "fe80::1%eth0"         with its zone
 *   "proxy.example.com"    itself
 *
 * address_test.ts has the same table.
 *
 * @module
 */
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";

/** Where rules listen unless they say otherwise. */
export const LOCALHOST = "127.0.0.1";

/** The shortest spelling of an address, IPv6 without brackets; a name stays as it is. */
export function canonicalAddress(host: string): string {
  if (host.toLowerCase() === "localhost") return LOCALHOST;
  if (!host.includes(":")) return host;
  const [address = "", zone] = host.split("%", 2);
  const short = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1);
  if (short === undefined) return host;
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped) {
    const [high, low] = mapped.slice(1).map((part) => parseInt(part, 16));
    return formatIpv4((high! * 0x10000 + low!) >>> 0);
  }
  return zone === undefined ? short : `${short}%${zone}`;
}

/** Whether an address is of this machine alone. */
export function isLoopback(host: string): boolean {
  const address = canonicalAddress(host);
  const ipv4 = parseIpv4(address);
  return ipv4 === undefined ? address === "::1" : ipv4 >>> 24 === 127;
}

/** Whether two listeners of the same port at these addresses are in each other's way. */
export function collide(one: string, other: string): boolean {
  const [a, b] = [canonicalAddress(one), canonicalAddress(other)];
  if (a === b) return true;
  const [isAllA, isAllB] = [a, b].map((each) => each === "0.0.0.0" || each === "::");
  const isIpv6 = (each: string) => each.includes(":");
  if (isAllA && isAllB) return true;
  // The address of all in IPv6 takes IPv4 too.
  return Boolean(
    isAllA && (a === "::" || !isIpv6(b)) || isAllB && (b === "::" || !isIpv6(a)),
  );
}
