/**
 * Names that stand for addresses: `101.42.0.127.in-addr.arpa` (RFC 1035, 3.5; RFC 3596).
 *
 * @module
 */
import { isIPv6 } from "node:net";
import { formatIpv4, parseIpv4 } from "../../wire/ip/ipv4.ts";

const IPV4 = ".in-addr.arpa";
const IPV6 = ".ip6.arpa";

/**
 * The name under which the host of an address (as text) is asked for; undefined for none.
 */
export function reverseName(address: string): string | undefined {
  if (parseIpv4(address) !== undefined) {
    return address.split(".").reverse().join(".") + IPV4;
  }
  const [plain = ""] = address.split("%", 1); // interfaces differ by machine
  if (!isIPv6(plain)) return undefined;
  // The URL's own spelling has no dots, and `::` at most once.
  const short = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [head = "", tail] = short.split("::");
  const [before, after] = [head, tail ?? ""].map((part) =>
    part.split(":").filter(Boolean)
  );
  const zeros = Array(8 - before!.length - after!.length).fill("0");
  const groups = [...before!, ...(tail === undefined ? [] : zeros), ...after!];
  const digits = groups.map((group) => group.padStart(4, "0")).join("");
  return [...digits].reverse().join(".") + IPV6;
}

/** The IPv4 address that such a name (in lower case) stands for; undefined for others. */
export function reversedIpv4(name: string): number | undefined {
  if (!name.endsWith(IPV4)) return undefined;
  const address = parseIpv4(name.slice(0, -IPV4.length).split(".").reverse().join("."));
  // Another spelling, such as with leading zeros, is another name.
  if (address === undefined) return undefined;
  return reverseName(formatIpv4(address)) === name ? address : undefined;
}
