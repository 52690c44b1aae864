/**
 * Which host a text of the manifest means: by its name, an alias, or its VIP.
 *
 * @module
 */
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { didYouMean } from "./fields.ts";
import type { HostSpec } from "./manifest.ts";

/** What a host can be named by. */
export type NamedHost = Pick<HostSpec, "name" | "aliases" | "vip">;

/**
 * The host that the text names. Names are the same in either case (RFC 4343), with and
 * without the dot that marks them as complete.
 */
export function findHost<Host extends NamedHost>(
  text: string,
  hosts: readonly Host[],
): Host | undefined {
  const name = canonicalName(text);
  const vip = parseIpv4(text);
  return hosts.find((host) => namesOf(host).some((own) => canonicalName(own) === name)) ??
    hosts.find((host) => host.vip === vip);
}

/** `; did you mean "web"?` of a text that names no host, or nothing if none is near. */
export function nearHost(text: string, hosts: readonly NamedHost[]): string {
  const known = /^[0-9.]+$/.test(text)
    ? hosts.map(({ vip }) => formatIpv4(vip))
    : hosts.flatMap(namesOf);
  return didYouMean(text, known);
}

/** A name as names are compared. */
export function canonicalName(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}

function namesOf({ name, aliases }: NamedHost): string[] {
  return [name, ...aliases];
}
