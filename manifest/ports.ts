/**
 * Published ports: `LISTEN:HOST:PORT`, optionally `/tcp`.
 *
 *   "8080:127.0.0.1:80"      port 8080 of the VIP leads to port 80 of the host itself
 *   "5432:db:5432/tcp"       … to port 5432 of "db", a name the host can resolve
 *   "8080:192.168.1.2:81"    … to another machine that the host can reach
 *   "8080:[::1]:80"          … to an IPv6 address
 *   "8080::80"               … to port 80 of the host itself, as NoRouter has it; a warning
 *   "53:127.0.0.1:53/udp"    not supported: UDP
 *   "8080:80"                no: without a host to connect to
 *   "99999:127.0.0.1:80"     no: ports are 1 to 65535
 *
 * ports_test.ts has the same table.
 *
 * @module
 */
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { formatPosition, type Position } from "./source/diagnostic.ts";
import type { PortSpec } from "./manifest.ts";
import { hostNameFault } from "./names.ts";
import type { Report } from "./source/report.ts";
import { quote } from "./source/value.ts";

/** A published port as its text says. */
export interface ParsedPort {
  /** 1 to 65535. */
  readonly listenPort: number;
  /** A name, IPv4 or IPv6 address, without brackets. */
  readonly connectHost: string;
  /** 1 to 65535. */
  readonly connectPort: number;
  /** A doubt about the port, for a warning. */
  readonly doubt?: string;
}

/** The host itself, where a port names none. */
const ITSELF = "127.0.0.1";
const FORM = `wanted LISTEN:HOST:PORT, like "8080:127.0.0.1:80"`;

/** Reads a published port; gives the fault of a wrong text. */
export function parsePort(text: string): ParsedPort | string {
  const [, rest = "", protocol] = /^(.*?)(?:\/([^/]*))?$/s.exec(text)!;
  const parts = /^([^:]*):(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(rest);
  const not = `${quote(text)} is not a port to publish`;
  if (protocol !== undefined && protocol !== "tcp") {
    return /^udp$/i.test(protocol)
      ? `${quote(text)}: UDP is not supported, only TCP`
      : `${not}: the protocol ${quote(protocol)} is not known; wanted "/tcp" or nothing`;
  }
  if (!parts) return `${not}; ${FORM}${bracketHint(rest)}`;
  const [, listen = "", host = "", connect = ""] = parts;
  const isLeftOut = host === "";
  const fault = portFault(listen) ?? (isLeftOut ? undefined : hostFault(host)) ??
    portFault(connect);
  if (fault) return `${not}: ${fault}; ${FORM}`;
  const doubt = `${quote(text)} names no host to connect to, so ${ITSELF} is meant; ` +
    `write ${quote(`${listen}:${ITSELF}:${connect}`)}`;
  return {
    listenPort: Number(listen),
    connectHost: isLeftOut ? ITSELF : host.replace(/^\[|\]$/g, ""),
    connectPort: Number(connect),
    ...(isLeftOut && { doubt }),
  };
}

/** Ports that a host may publish: its agent tells the state of each in its messages. */
export const MOST_PORTS = 4096;
/** Ports of a mesh: every agent listens for those of all others. */
export const MOST_PORTS_OF_MESH = 16_384;

/** Reports hosts, and a mesh, that publish more ports than links carry the state of. */
export function refuseManyPorts(
  hosts: readonly {
    readonly name: string;
    readonly at: Position;
    readonly ports: readonly PortSpec[];
  }[],
  report: Report,
): void {
  let all = 0;
  for (const { name, at, ports } of hosts) {
    if (ports.length > MOST_PORTS) {
      const message = `${quote(name)} publishes ${ports.length} ports; wanted at most ` +
        `${MOST_PORTS}, for more use a proxy or a route`;
      report.error(at, message);
    }
    const before = all;
    all += ports.length;
    if (before <= MOST_PORTS_OF_MESH && all > MOST_PORTS_OF_MESH) {
      const message = `with ${quote(name)} the mesh publishes ${all} ports; wanted at ` +
        `most ${MOST_PORTS_OF_MESH}, for more use a proxy or a route`;
      report.error(at, message);
    }
  }
}

/** A host's ports, without those that are published already. */
export function joinPorts(ports: readonly PortSpec[], report: Report): PortSpec[] {
  const published = new Map<number, PortSpec>();
  for (const port of ports) {
    const first = published.get(port.listenPort);
    if (first) {
      const where = formatPosition(first.at);
      const what = `${quote(port.text)}: port ${port.listenPort} of this host`;
      report.error(
        port.at,
        `${what} is already published by ${quote(first.text)} (${where})`,
      );
    } else {
      published.set(port.listenPort, port);
    }
  }
  return [...published.values()];
}

/** Why the text is not a port number, or nothing if the text is valid. */
export function portFault(text: string): string | undefined {
  if (!/^\d+$/.test(text)) return `${quote(text)} is not a port number`;
  const port = Number(text);
  return port >= 1 && port <= 65535
    ? undefined
    : `port ${text} is out of range, ports are 1 to 65535`;
}

/** Why the text is not a host to connect to, or nothing if the text is valid. */
export function hostFault(host: string): string | undefined {
  if (host === "") return "the host to connect to is missing";
  if (host.startsWith("[")) {
    return isIpv6(host.slice(1, -1))
      ? undefined
      : `${quote(host)} is not an IPv6 address`;
  }
  if (parseIpv4(host) !== undefined) return undefined;
  if (/^[0-9.]+$/.test(host)) return `${quote(host)} is not an IPv4 address`;
  const fault = hostNameFault(host.replace(/\.$/, ""));
  return fault && `${quote(host)} is not a host name (${fault})`;
}

/** True for an IPv6 address without brackets, with or without a zone. */
export function isIpv6(text: string): boolean {
  const [address = "", zone] = text.split("%", 2);
  if (zone === "" || !address.includes(":")) return false;
  return URL.canParse(`http://[${address}]/`);
}

function bracketHint(text: string): string {
  return text.split(":").length > 4 && !text.includes("[")
    ? `, or "8080:[::1]:80" for an IPv6 address`
    : "";
}
