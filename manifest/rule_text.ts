/**
 * Rules of ports as text, in the form that Nexodus has:
 * `PROTOCOL:PORT:DESTINATION:DESTINATION-PORT`, optionally with the address to listen on in
 * front of the port.
 *
 *   "tcp:443:127.0.0.1:8080"           port 443 leads to port 8080 of 127.0.0.1
 *   "tcp:5432:db:5432"                 … to port 5432 of "db"
 *   "tcp:0.0.0.0:5432:db:5432"         port 5432 of every address
 *   "tcp:localhost:5432:db:5432"       port 5432 of loopback
 *   "tcp:[::1]:443:[fd00::7]:8443"     IPv6 addresses stand in brackets
 *   "udp:53:dns:53"                    not yet: UDP comes with datagrams
 *   "5432:db:5432"                     no: without a protocol
 *   "tcp:5432:db"                      no: without a port of the destination
 *   "tcp:eth0:5432:db:5432"            no: to listen on takes an address
 *   "tcp:70000:db:5432"                no: ports are 1 to 65535
 *
 * rule_text_test.ts has the same table.
 *
 * @module
 */
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { hostFault, isIpv6, portFault } from "./ports.ts";
import { quote } from "./source/value.ts";

/** A rule: clients of a port are connected to a destination. */
export interface ForwardRule {
  /** Always TCP so far. */
  readonly proto: "tcp";
  /** The address to listen on, IPv6 without brackets; absent where the rule has none. */
  readonly listenHost?: string;
  /** The port there, 1 to 65535. */
  readonly listenPort: number;
  /** A name, IPv4 or IPv6 address, without brackets. */
  readonly connectHost: string;
  /** The port there, 1 to 65535. */
  readonly connectPort: number;
}

const EXAMPLE = "tcp:5432:db:5432";
const FORM = `wanted PROTOCOL:PORT:DESTINATION:PORT, like "${EXAMPLE}"`;

const FIELD = /[^:[\]]*/.source;
const HOST = /\[[^[\]]*\]|[^:[\]]*/.source;
const RULE = new RegExp(
  `^(${FIELD}):(?:(${HOST}):)?(${FIELD}):(${HOST}):(${FIELD})$`,
);

/** Reads a rule; gives the fault of a wrong text. */
export function parseRule(text: string): ForwardRule | string {
  const not = `${quote(text)} is not a rule`;
  const parts = RULE.exec(text);
  if (!parts) return `${not}; ${FORM}${formHint(text)}`;
  const [, proto = "", listenHost, listenPort = "", connectHost = "", connectPort = ""] =
    parts;
  const fault = protocolFault(proto) ??
    (listenHost === undefined ? undefined : addressFault(listenHost)) ??
    portFault(listenPort) ?? hostFault(connectHost) ?? portFault(connectPort);
  if (fault) return `${not}: ${fault}; ${FORM}`;
  if (proto === "udp") {
    return `${quote(text)}: UDP comes with datagrams, which are not carried yet; ` +
      `wanted "tcp"`;
  }
  return {
    proto: "tcp",
    ...(listenHost !== undefined && { listenHost: withoutBrackets(listenHost) }),
    listenPort: Number(listenPort),
    connectHost: withoutBrackets(connectHost),
    connectPort: Number(connectPort),
  };
}

/** Writes a rule as {@linkcode parseRule} reads it. */
export function formatRule(
  { proto, listenHost, listenPort, connectHost, connectPort }: ForwardRule,
): string {
  const listen = listenHost === undefined ? [] : [withBrackets(listenHost)];
  return [proto, ...listen, listenPort, withBrackets(connectHost), connectPort].join(":");
}

function protocolFault(text: string): string | undefined {
  if (text === "tcp" || text === "udp") return undefined;
  return `the protocol ${quote(text)} is not known`;
}

/** Names of hosts lead to many places, and a name there is more likely a slip. */
function addressFault(text: string): string | undefined {
  if (text === "localhost" || parseIpv4(text) !== undefined) return undefined;
  if (text.startsWith("[") && isIpv6(text.slice(1, -1))) return undefined;
  return `${quote(text)} is not an address to listen on`;
}

function formHint(text: string): string {
  if (/^\d+:[^:]+:\d+$/.test(text)) return `; the protocol is missing, "tcp:${text}"`;
  return text.split(":").length > 5 && !text.includes("[")
    ? `; an IPv6 address stands in brackets`
    : "";
}

function withBrackets(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}
