/**
 * Ports as container engines write them.
 *
 *   "80/tcp"                          exposed
 *   "0.0.0.0:8080->80/tcp"            published on the machine, too
 *   "[::]:8080->80/tcp"               … on IPv6; ":::8080->80/tcp" before Docker 27
 *   "0.0.0.0:8000-8002->8000-8002/tcp", "8000-8002/tcp"    several
 *   "80"                              tcp
 *
 * ports_test.ts has the same table.
 *
 * @module
 */
import type { ServedPort } from "./source.ts";

/** Ports of a host that are kept; a range may have thousands. */
export const MOST_PORTS = 32;

/** Reads a list with commas; items that are no port are left out. */
export function readPorts(text: string): ServedPort[] {
  return distinct(text.split(",").flatMap(readPort));
}

/** Reads an item: the ports inside of the container. */
export function readPort(text: string): ServedPort[] {
  const [, from = "", to = from, protocol = "tcp"] =
    /^(?:.*->)?\s*(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/.exec(text.trim()) ?? [];
  return portRange(Number(from), Number(to) - Number(from) + 1, protocol);
}

/** Some ports in a row, of those that exist. */
export function portRange(first: number, count: number, protocol: string): ServedPort[] {
  const ports: ServedPort[] = [];
  const end = Math.min(first + count, 65_536, first + MOST_PORTS);
  for (let port = first; port < end; port++) {
    if (port > 0) ports.push({ port, protocol, name: "" });
  }
  return ports;
}

/** Each port once, in order, and no more than a manifest wants to have. */
export function distinct(ports: readonly ServedPort[]): ServedPort[] {
  const byKey = new Map<string, ServedPort>();
  for (const port of ports) {
    const key = `${port.port}/${port.protocol}`;
    if (!byKey.get(key)?.name) byKey.set(key, port);
  }
  return [...byKey.values()]
    .sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1))
    .slice(0, MOST_PORTS);
}
