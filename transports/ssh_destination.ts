/**
 * The destination of ssh, as its users write.
 *
 * | written | user | name | port |
 * |---|---|---|---|
 * | `box` | | `box` | |
 * | `me@box:2222` | `me` | `box` | 2222 |
 * | `me@corp@box` | `me@corp` | `box` | |
 * | `[fe80::1%eth0]:2222` | | `fe80::1%eth0` | 2222 |
 * | `::1` | | `::1` | |
 * | `ssh://me@box:2222` | `me` | `box` | 2222 |
 *
 * @module
 */
import { SpecError } from "./mod.ts";
import { show } from "./command/words.ts";

/** The parts of a destination; missing parts are up to ssh's configuration. */
export interface SshDestination {
  readonly user?: string;
  /** A name, an address without brackets, or an alias of the configuration. */
  readonly name: string;
  readonly port?: number;
}

/**
 * Takes a destination apart.
 *
 * @throws {SpecError} if the text is no destination.
 */
export function parseSshDestination(written: string): SshDestination {
  const rest = written.replace(/^ssh:\/\//, "");
  const at = rest.lastIndexOf("@");
  const user = at < 0 ? undefined : rest.slice(0, at);
  const { name, port } = parseHost(rest.slice(at + 1), written);
  if (user === "" || name === "" || /^-|\//.test(name)) {
    throw new SpecError([], `wanted "USER@HOST:PORT", got ${show(written)}`);
  }
  return { ...user !== undefined && { user }, name, ...port !== undefined && { port } };
}

function parseHost(host: string, written: string): { name: string; port?: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(host) ??
    [];
  const name = bracketed ?? plain;
  // Several colons make an IPv6 address, which ssh takes without brackets.
  if (name === undefined || port?.includes(":")) return { name: host };
  if (port === undefined) return { name };
  const number = Number(port);
  if (!/^\d+$/.test(port) || number < 1 || number > 65_535) {
    throw new SpecError([], `the port of ${show(written)} is not from 1 to 65535`);
  }
  return { name, port: number };
}
